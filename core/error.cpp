#include "core/error.h"

#include <cstdio>
#include <cstdlib>

namespace grpo {
namespace {

std::string full_message(const std::string& what, const std::string& where, const std::string& fix) {
  std::string text = what;
  if (!where.empty()) text += "\n  where: " + where;
  if (!fix.empty()) text += "\n  fix:   " + fix;
  return text;
}

}  // namespace

Error::Error(std::string what, std::string where, std::string fix)
    : std::runtime_error(full_message(what, where, fix)),
      summary_(std::move(what)),
      where_(std::move(where)),
      fix_(std::move(fix)) {}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: internal check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace grpo
