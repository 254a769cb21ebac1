#include "policy/io/pre_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/io/byte_alphabet.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

// GPT-2's own pattern, which ByteLevel applies when use_regex is set.
const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct Part {
  TextSpan span;
  bool delimiter;
};

// Matches and what lies between them, covering all of [0, size).
void cover(const std::vector<TextSpan>& matches, size_t size, bool invert, std::vector<Part>& parts) {
  parts.clear();
  size_t done = 0;
  for (const TextSpan& match : matches) {
    if (done != match.begin) parts.push_back({{done, match.begin}, invert});
    parts.push_back({match, !invert});
    done = match.end;
  }
  if (done != size) parts.push_back({{done, size}, invert});
}

// Appends the words that `parts` make under `behavior`, shifted by `base`; empty words are left out.
void append_words(const std::vector<Part>& parts, SplitBehavior behavior, size_t base,
                  std::vector<TextSpan>& spans) {
  const size_t first = spans.size();
  const auto joins_previous = [&](size_t i) {
    if (i == 0) return false;
    const bool here = parts[i].delimiter, before = parts[i - 1].delimiter;
    switch (behavior) {
      case SplitBehavior::kMergedWithPrevious:
        return here && !before;
      case SplitBehavior::kMergedWithNext:
        return before && !here;
      case SplitBehavior::kContiguous:
        return here == before;
      default:
        return false;
    }
  };
  for (size_t i = 0; i < parts.size(); ++i) {
    if (behavior == SplitBehavior::kRemoved && parts[i].delimiter) continue;
    if (spans.size() > first && joins_previous(i)) {
      spans.back().end = base + parts[i].span.end;
    } else {
      spans.push_back({base + parts[i].span.begin, base + parts[i].span.end});
    }
  }
  const auto words = spans.begin() + static_cast<std::ptrdiff_t>(first);
  spans.erase(std::remove_if(words, spans.end(), [](const TextSpan& span) { return span.begin == span.end; }),
              spans.end());
}

}  // namespace

PreTokenizer PreTokenizer::from_json(const Json& json, const std::string& file, const std::string& path) {
  PreTokenizer pre_tokenizer;
  if (!json.is_null()) pre_tokenizer.add(json, file, path);
  return pre_tokenizer;
}

void PreTokenizer::add(const Json& json, const std::string& file, const std::string& path) {
  ObjectReader r(json, file, path);
  const std::string type = r.string("type");
  if (byte_level_)
    r.fail("type", fmt::format("{} after ByteLevel is not supported", type), "put ByteLevel last");
  if (type == "Sequence") {
    const Json& items = r.raw("pretokenizers");
    if (!items.is_array()) r.fail("pretokenizers", "expected a list of pre-tokenizers");
    for (size_t i = 0; i < items.size(); ++i)
      add(items[i], file, fmt::format("{}.pretokenizers[{}]", path, i));
  } else if (type == "Split") {
    add_split(r);
  } else if (type == "Digits") {
    steps_.emplace_back(Digits{r.boolean("individual_digits")});
  } else if (type == "ByteLevel") {
    add_byte_level(r);
  } else {
    r.fail("type", fmt::format("a pre-tokenizer of type {} is not supported", type),
           "supported are ByteLevel, Split, Digits and Sequence");
  }
  r.finish();
}

void PreTokenizer::add_split(ObjectReader& r) {
  ObjectReader pattern = r.object("pattern");
  const bool regex = pattern.has("Regex");
  const std::string text = pattern.string(regex ? "Regex" : "String");
  pattern.finish();
  const std::vector<std::string> names = {"Isolated", "Removed", "MergedWithPrevious", "MergedWithNext",
                                          "Contiguous"};
  const std::string name = r.choice("behavior", names);
  const auto index = std::find(names.begin(), names.end(), name) - names.begin();
  steps_.emplace_back(
      Split{regex ? SplitPattern::regex(text, pattern.where("Regex")) : SplitPattern::literal(text),
            static_cast<SplitBehavior>(index), r.boolean("invert")});
}

void PreTokenizer::add_byte_level(ObjectReader& r) {
  if (r.boolean("add_prefix_space")) steps_.emplace_back(PrefixSpace{});
  if (r.boolean("use_regex", true)) {
    steps_.emplace_back(Split{SplitPattern::regex(kGpt2Pattern, r.where()), SplitBehavior::kIsolated, false});
  }
  r.boolean("trim_offsets", true);  // moves offsets, which are not kept here
  steps_.emplace_back(ByteAlphabet{});
  byte_level_ = true;
}

Words PreTokenizer::split(std::string text) const {
  Words words;
  words.text = std::move(text);
  if (!words.text.empty()) words.spans.push_back({0, words.text.size()});
  for (const Step& step : steps_) {
    std::visit([&](const auto& s) { apply(s, words); }, step);
  }
  return words;
}

void PreTokenizer::apply(const Split& split, Words& words) {
  SplitSearch search(split.pattern);
  std::vector<TextSpan> matches, spans;
  std::vector<Part> parts;
  for (const TextSpan& span : words.spans) {
    const auto text = std::string_view(words.text).substr(span.begin, span.end - span.begin);
    search.find_all(text, matches);
    cover(matches, text.size(), split.invert, parts);
    append_words(parts, split.behavior, span.begin, spans);
  }
  words.spans = std::move(spans);
}

void PreTokenizer::apply(const Digits& digits, Words& words) {
  std::vector<TextSpan> spans;
  for (const TextSpan& span : words.spans) {
    bool open = false;  // the last span is of this word and of the other characters' kind
    bool last_numeric = false;
    for (size_t i = span.begin; i < span.end;) {
      const size_t begin = i;
      const bool numeric = is_numeric(next_character(words.text, i));
      if (open && numeric == last_numeric && !(numeric && digits.individual)) {
        spans.back().end = i;
      } else {
        spans.push_back({begin, i});
      }
      open = true;
      last_numeric = numeric;
    }
  }
  words.spans = std::move(spans);
}

void PreTokenizer::apply(const PrefixSpace&, Words& words) {
  Words out;
  out.text.reserve(words.text.size() + words.spans.size());
  for (const TextSpan& span : words.spans) {
    const size_t begin = out.text.size();
    if (words.text[span.begin] != ' ') out.text += ' ';
    out.text.append(words.text, span.begin, span.end - span.begin);
    out.spans.push_back({begin, out.text.size()});
  }
  words = std::move(out);
}

void PreTokenizer::apply(const ByteAlphabet&, Words& words) {
  Words out;
  out.text.reserve(words.text.size() + words.text.size() / 4);
  out.spans.reserve(words.spans.size());
  for (const TextSpan& span : words.spans) {
    const size_t begin = out.text.size();
    out.text += to_byte_alphabet(std::string_view(words.text).substr(span.begin, span.end - span.begin));
    out.spans.push_back({begin, out.text.size()});
  }
  words = std::move(out);
}

}  // namespace grpo
