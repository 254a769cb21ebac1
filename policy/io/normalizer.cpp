#include "policy/io/normalizer.h"

#include <fmt/format.h>

#include "policy/io/unicode.h"

namespace grpo {

std::string replace_all(std::string_view text, const std::string& from, const std::string& to) {
  std::string out;
  size_t done = 0;
  if (!from.empty()) {
    for (size_t at = text.find(from); at != text.npos; at = text.find(from, done)) {
      out += text.substr(done, at - done);
      out += to;
      done = at + from.size();
    }
  }
  return out += text.substr(done);
}

Normalizer Normalizer::from_json(const Json& json, const std::string& file, const std::string& path) {
  Normalizer normalizer;
  if (!json.is_null()) normalizer.add(json, file, path);
  return normalizer;
}

void Normalizer::add(const Json& json, const std::string& file, const std::string& path) {
  ObjectReader r(json, file, path);
  const std::string type = r.string("type");
  if (type == "Sequence") {
    const Json& items = r.raw("normalizers");
    if (!items.is_array()) r.fail("normalizers", "expected a list of normalizers");
    for (size_t i = 0; i < items.size(); ++i) add(items[i], file, fmt::format("{}.normalizers[{}]", path, i));
  } else if (type == "NFC") {
    steps_.push_back({Kind::kNfc, "", ""});
  } else if (type == "Prepend") {
    steps_.push_back({Kind::kPrepend, "", r.string("prepend")});
  } else if (type == "Replace") {
    ObjectReader pattern = r.object("pattern");
    if (pattern.has("Regex")) pattern.fail("Regex", "replacing a regular expression is not supported");
    steps_.push_back({Kind::kReplace, pattern.string("String"), r.string("content")});
    pattern.finish();
    if (steps_.back().from.empty()) pattern.fail("String", "the string to replace is empty");
  } else {
    r.fail("type", fmt::format("a normalizer of type {} is not supported", type),
           "supported are NFC, Prepend, Replace and Sequence");
  }
  r.finish();
}

std::string Normalizer::apply(std::string_view text) const {
  std::string out(text);
  for (const Step& step : steps_) {
    switch (step.kind) {
      case Kind::kNfc:
        out = nfc(out);
        break;
      case Kind::kPrepend:
        if (!out.empty()) out.insert(0, step.to);
        break;
      case Kind::kReplace:
        out = replace_all(out, step.from, step.to);
        break;
    }
  }
  return out;
}

}  // namespace grpo
