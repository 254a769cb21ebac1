#pragma once
// Jinja's grammar, without what needs other templates (extends, include, import, block) and without recursive
// loops and autoescape. Filters and tests are looked up here, so a template that names one nobody knows is
// refused before it runs.

#include <string>
#include <string_view>

#include "policy/io/jinja/syntax.h"

namespace grpo::jinja {

// Throws Error with `where` and the line.
Syntax parse(std::string_view text, const std::string& where);

}  // namespace grpo::jinja
