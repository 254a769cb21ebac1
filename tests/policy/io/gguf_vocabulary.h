#pragma once
// The vocabulary of a GGUF file (version 3) as a tokenizer.json, for vocabularies that tests have in no other
// form. Byte-level BPE only: tokenizer.ggml.{tokens,token_type,merges}. GGUF keeps no pre-tokenizer; the
// caller gives it.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

class GgufReader {
 public:
  explicit GgufReader(std::string bytes) : bytes_(std::move(bytes)) {}

  // The metadata named; arrays as lists, numbers widened.
  Json metadata(const std::vector<std::string>& wanted) {
    if (bytes_.substr(0, 4) != "GGUF") throw Error("not GGUF", "vocabulary");
    at_ = 4;
    if (number<uint32_t>() != 3) throw Error("not GGUF version 3", "vocabulary");
    number<uint64_t>();  // tensors
    Json found = Json::object();
    for (auto pairs = number<uint64_t>(); pairs > 0; --pairs) {
      const std::string key = text();
      Json value = read(number<uint32_t>());
      if (std::find(wanted.begin(), wanted.end(), key) != wanted.end()) found[key] = std::move(value);
    }
    return found;
  }

 private:
  template <typename T>
  T number() {
    T value;
    if (bytes_.size() - at_ < sizeof value) throw Error("cut short", "vocabulary");
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string text() {
    const auto size = number<uint64_t>();
    if (bytes_.size() - at_ < size) throw Error("cut short", "vocabulary");
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  Json read(uint32_t type) {
    switch (type) {
      case 0:
        return number<uint8_t>();
      case 1:
        return number<int8_t>();
      case 2:
        return number<uint16_t>();
      case 3:
        return number<int16_t>();
      case 4:
        return number<uint32_t>();
      case 5:
        return number<int32_t>();
      case 6:
        return number<float>();
      case 7:
        return number<uint8_t>() != 0;
      case 8:
        return text();
      case 9: {
        const auto item = number<uint32_t>();
        Json list = Json::array();
        for (auto count = number<uint64_t>(); count > 0; --count) list.push_back(read(item));
        return list;
      }
      case 10:
        return number<uint64_t>();
      case 11:
        return number<int64_t>();
      case 12:
        return number<double>();
      default:
        throw Error("unknown GGUF type " + std::to_string(type), "vocabulary");
    }
  }

  std::string bytes_;
  size_t at_ = 0;
};

// Tokens of type 1 are the model's, of 3 and 4 (control, user-defined) added ones; padding is left out.
inline Json tokenizer_of_gguf(const std::string& bytes, const Json& pre_tokenizer) {
  const std::string tokens = "tokenizer.ggml.tokens", types = "tokenizer.ggml.token_type",
                    merges = "tokenizer.ggml.merges";
  const Json data = GgufReader(bytes).metadata({tokens, types, merges});
  Json vocab = Json::object(), added = Json::array();
  for (size_t id = 0; id < data[tokens].size(); ++id) {
    const auto content = data[tokens][id].get<std::string>();
    const auto type = data[types][id].get<int>();
    if (type == 1) {
      // Each token comes once, which saves looking for it among all the others.
      vocab.get_ref<Json::object_t&>().emplace_back(content, id);
    } else if (!content.starts_with("[PAD")) {
      added.push_back({{"id", id}, {"content", content}, {"normalized", false}, {"special", type == 3}});
    }
  }
  return {{"added_tokens", added},
          {"pre_tokenizer", pre_tokenizer},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", data[merges]}}}};
}

}  // namespace grpo
