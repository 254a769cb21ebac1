#pragma once
// The "post_processor" of a tokenizer.json: the BOS and EOS tokens around a text. Supported: null, ByteLevel
// (which only moves offsets, so does nothing here), TemplateProcessing (its `single` template) and Sequence.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

class PostProcessor {
 public:
  // Throws Error with `file` and JSON path for anything else.
  static PostProcessor from_json(const Json& json, const std::string& file,
                                 const std::string& path = "post_processor");

  // That of a tokenizer_config.json whose class sets BOS and EOS itself, from add_bos_token (true where
  // absent) and add_eos_token (false); nothing if the class does not. id_of: the id of a token, -1 if there
  // is none. Throws Error with `file` for a token that is to be added and is null or unknown.
  static std::optional<PostProcessor> from_config(const Json& config, const std::string& file,
                                                  const std::function<int64_t(const std::string&)>& id_of);

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
