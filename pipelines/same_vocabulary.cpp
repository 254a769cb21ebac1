#include "pipelines/same_vocabulary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace grpo {
namespace {

std::string token_at(const Tokenizer& tokenizer, int64_t id) {
  return id < tokenizer.vocab_size() ? tokenizer.id_to_token(id) : "";
}

std::string shown(const std::string& token) {
  return token.empty() ? "no token" : Json(token).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void check_same_vocabulary(const Vocabulary& student, const Vocabulary& teacher, const std::string& where) {
  constexpr size_t shown_max = 5;
  const int64_t common = std::min(student.width, teacher.width);
  if (student.tokenizer.vocab_size() > common) {
    throw Error(fmt::format("the student's tokenizer has ids up to {}, the teacher's logits end at {}",
                            student.tokenizer.vocab_size() - 1, teacher.width - 1),
                where, "use a teacher that has all of the student's tokens");
  }
  std::vector<std::string> examples;
  int64_t differing = 0;
  for (int64_t id = 0; id < common; ++id) {
    const std::string ours = token_at(student.tokenizer, id), theirs = token_at(teacher.tokenizer, id);
    if (ours == theirs) continue;
    ++differing;
    if (examples.size() < shown_max) {
      examples.push_back(fmt::format("id {} is {} to the student and {} to the teacher", id, shown(ours), shown(theirs)));
    }
  }
  if (differing == 0) return;
  throw Error(fmt::format("student and teacher have different tokens at {} of {} ids: {}{}", differing, common,
                          fmt::join(examples, "; "), differing > static_cast<int64_t>(shown_max) ? "; ..." : ""),
              where,
              "logits can be compared token by token only: use a teacher of the same tokenizer, or learn from its texts "
              "(a reject stage, then sft)");
}

}  // namespace grpo
