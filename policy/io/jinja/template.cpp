#include "policy/io/jinja/template.h"

#include <algorithm>

#include "core/error.h"
#include "policy/io/jinja/interpreter.h"
#include "policy/io/jinja/parser.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm time{};
  localtime_r(&now, &time);
  return time;
}

}  // namespace

Template::Template(std::shared_ptr<const Syntax> syntax, std::string where)
    : syntax_(std::move(syntax)), where_(std::move(where)) {}

Template Template::parse(const std::string& text, const std::string& where) {
  if (!is_valid_utf8(text)) throw Error("the template is not UTF-8", where, "save it as UTF-8");
  return {std::make_shared<const Syntax>(jinja::parse(text, where)), where};
}

std::string Template::render(const std::map<std::string, Json>& variables,
                             const RenderOptions& options) const {
  Runtime runtime(options.limits, where_, options.now ? options.now : local_time);
  return Interpreter(*syntax_, runtime).run(variables);
}

MarkedText Template::render_marked(const std::map<std::string, Json>& variables,
                                   const RenderOptions& options) const {
  Runtime runtime(options.limits, where_, options.now ? options.now : local_time);
  MarkedText out;
  out.text = Interpreter(*syntax_, runtime).run(variables, &out.generated);
  return out;
}

bool Template::marks_generation() const { return syntax_->marks_generation; }

bool Template::mentions(const std::string& name) const {
  return std::find(syntax_->symbols.begin(), syntax_->symbols.end(), name) != syntax_->symbols.end();
}

}  // namespace grpo::jinja
