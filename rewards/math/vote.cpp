#include "rewards/math/vote.h"

#include "rewards/answer_text.h"
#include "rewards/math/find/extract.h"
#include "rewards/math/read/canonical.h"
#include "rewards/math/read/parse.h"

namespace grpo::math {

std::string answer_vote(std::string_view completion) {
  const Extracted extracted = extract(completion);
  if (extracted.anchor == Anchor::kNone) return "t:" + std::string(trim(completion));
  std::string buffer;
  const std::string_view answer = answer_of(extracted, buffer);
  Parsed parsed = parse_answer(answer);
  if (parsed.ast) {
    Budget budget;
    if (auto form = canonical_form(root_of(*parsed.ast), budget)) return "f:" + *form;
  }
  return "t:" + std::string(trim(answer));
}

}  // namespace grpo::math
