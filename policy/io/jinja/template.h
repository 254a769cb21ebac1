#pragma once
// Jinja templates as chat models bring them, rendered as Hugging Face renders them: an immutable sandbox with
// trim_blocks and lstrip_blocks, break and continue, {% generation %}, tojson without HTML escapes,
// raise_exception and strftime_now. The text equals jinja2's for everything this implements; what it does not
// implement (other files, recursive loops, some filters and methods) is an Error, never another text.
// Templates are not trusted.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "policy/io/jinja/runtime.h"

namespace grpo::jinja {

struct Syntax;

// What a render wrote, and which bytes of it came from within {% generation %}: [begin, end), in order.
struct MarkedText {
  std::string text;
  std::vector<std::pair<size_t, size_t>> generated;
};

struct RenderOptions {
  Limits limits;
  std::function<std::tm()> now;  // what strftime_now formats; default: the local time
};

// Immutable; may render in several threads at once.
class Template {
 public:
  // Throws Error with `where` and the template's line for what does not parse, for unknown filters and tests,
  // and for text that is not UTF-8.
  static Template parse(const std::string& text, const std::string& where);

  // Variables by name. Throws Error with the line: raise_exception, a type error, an undefined value used for
  // more than printing, a limit.
  std::string render(const std::map<std::string, Json>& variables, const RenderOptions& options = {}) const;

  // The same text with its marks. Throws Error as well for a {% generation %} inside a block whose text is put somewhere
  // else (macro, call, set, filter): where it ends up is not known.
  MarkedText render_marked(const std::map<std::string, Json>& variables, const RenderOptions& options = {}) const;

  // Whether there is a {% generation %} anywhere.
  bool marks_generation() const;

  // Whether the template names this variable or function anywhere.
  bool mentions(const std::string& name) const;

 private:
  Template(std::shared_ptr<const Syntax> syntax, std::string where);
  std::shared_ptr<const Syntax> syntax_;
  std::string where_;
};

}  // namespace grpo::jinja
