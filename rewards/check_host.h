#pragma once
// Whether this host can judge a data set, asked before anything is sampled from it.

#include <string>

#include "rewards/rubric.h"

namespace grpo {

// Throws Error if a reward of the rubric says that the host lacks what judging the problem takes
// (Reward::check_host). It names the problem, and `where` it comes from ("recipe.json: data.train").
void check_host(const Rubric& rubric, const Problem& problem, const std::string& where);

}  // namespace grpo
