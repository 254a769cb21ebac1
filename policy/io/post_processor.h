#pragma once
// The "post_processor" of a tokenizer.json: the BOS and EOS tokens around a text. Supported: null, ByteLevel
// (which only moves offsets, so does nothing here), TemplateProcessing (its `single` template) and Sequence.

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

class PostProcessor {
 public:
  // Throws Error with `file` and JSON path for anything else.
  static PostProcessor from_json(const Json& json, const std::string& file,
                                 const std::string& path = "post_processor");

  // `ids` with the template's tokens before and behind. What is there already is not added again: a text that
  // starts with all of the prefix gets no second one, and one that ends with all of the suffix likewise.
  std::vector<int64_t> apply(std::vector<int64_t> ids) const;

  const std::vector<int64_t>& prefix() const { return prefix_; }
  const std::vector<int64_t>& suffix() const { return suffix_; }

 private:
  void add(const Json& json, const std::string& file, const std::string& path);
  void add_template(ObjectReader& r, const std::string& file, const std::string& path);

  std::vector<int64_t> prefix_;
  std::vector<int64_t> suffix_;
};

}  // namespace grpo
