#include "pipelines/problems/generator.h"

#include <fmt/format.h>

#include "pipelines/problems/arithmetic_program.h"
#include "pipelines/problems/bilingual_chain.h"
#include "pipelines/problems/chain.h"
#include "pipelines/problems/countdown_problem.h"
#include "pipelines/problems/courtesy.h"

namespace grpo {
namespace {

struct Entry {
  const char* name;
  Generator (*make)(ObjectReader& options);
};

// The one list of generators, in alphabetical order.
constexpr Entry kGenerators[] = {
    {"arithmetic_program", arithmetic_program_generator},
    {"bilingual_chain", bilingual_chain_generator},
    {"chain", chain_generator},
    {"countdown", countdown_generator},
    {"courtesy", courtesy_generator},
};

}  // namespace

std::vector<std::string> generator_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kGenerators) names.emplace_back(entry.name);
  return names;
}

Generator make_generator(const std::string& name, const Json& options, const std::string& file,
                         const std::string& path) {
  ObjectReader reader(options, file, path);
  for (const Entry& entry : kGenerators) {
    if (name != entry.name) continue;
    Generator generator = entry.make(reader);
    reader.finish();
    return generator;
  }
  throw Error(fmt::format("unknown problem generator \"{}\"", name), reader.where(),
              fmt::format("use one of: {}", fmt::join(generator_names(), ", ")));
}

}  // namespace grpo
