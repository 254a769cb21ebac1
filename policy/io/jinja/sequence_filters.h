#pragma once
// The filters that work on lists and dicts: first, join, map, selectattr, sort, ...

#include <string>
#include <utility>
#include <vector>

#include "policy/io/jinja/filters.h"

namespace grpo::jinja {

const std::vector<std::pair<std::string, Filter>>& sequence_filters();

}  // namespace grpo::jinja
