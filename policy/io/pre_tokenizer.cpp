#include "policy/io/pre_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/io/normalizer.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

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

// What the most common behaviour comes to: matches and gaps alike are words.
void append_isolated(const std::vector<TextSpan>& matches, TextSpan word, std::vector<TextSpan>& spans) {
  size_t done = word.begin;
  const auto up_to = [&](size_t end) {
    if (done < end) spans.push_back({done, end});
    done = std::max(done, end);
  };
  for (const TextSpan& match : matches) {
    up_to(word.begin + match.begin);
    up_to(word.begin + match.end);
  }
  up_to(word.end);
}

bool is_one_character(std::string_view text) {
  size_t end = 0;
  if (!text.empty()) next_character(text, end);
  return end != 0 && end == text.size();
}

}  // namespace

Metaspace Metaspace::from_json(ObjectReader& r) {
  Metaspace metaspace;
  metaspace.mark = r.string("replacement");
  if (!is_one_character(metaspace.mark)) r.fail("replacement", "expected one character");
  r.string("str_rep", "");  // the mark once more, in old files
  const bool old = r.has("add_prefix_space");
  const bool prefix = r.boolean("add_prefix_space", true);
  const std::vector<std::string> names = {"always", "first", "never"};
  const std::string scheme = r.choice("prepend_scheme", names, prefix ? "always" : "never");
  metaspace.prepend = static_cast<Prepend>(std::find(names.begin(), names.end(), scheme) - names.begin());
  if (old && !prefix && metaspace.prepend != Prepend::kNever) {
    r.fail("add_prefix_space", fmt::format("is false where prepend_scheme is {}", scheme),
           "remove add_prefix_space");
  }
  metaspace.split = r.boolean("split", true);
  return metaspace;
}

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
  } else if (type == "Metaspace") {
    steps_.emplace_back(Metaspace::from_json(r));
  } else {
    r.fail("type", fmt::format("a pre-tokenizer of type {} is not supported", type),
           "supported are ByteLevel, Split, Digits, Metaspace and Sequence");
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
    steps_.emplace_back(
        Split{SplitPattern::regex(std::string(kGpt2Pattern), r.where()), SplitBehavior::kIsolated, false});
  }
  r.boolean("trim_offsets", true);  // moves offsets, which are not kept here
  byte_level_ = true;
}

Words PreTokenizer::split(std::string text, bool at_start) const {
  Words words;
  words.text = std::move(text);
  if (!words.text.empty()) words.spans.push_back({0, words.text.size()});
  for (const Step& step : steps_) {
    std::visit([&](const auto& s) { apply(s, words, at_start); }, step);
  }
  return words;
}

void PreTokenizer::apply(const Split& split, Words& words, bool) {
  SplitSearch search(split.pattern);
  std::vector<TextSpan> matches, spans;
  std::vector<Part> parts;
  for (const TextSpan& span : words.spans) {
    const auto text = std::string_view(words.text).substr(span.begin, span.end - span.begin);
    search.find_all(text, matches);
    if (split.behavior == SplitBehavior::kIsolated) {
      append_isolated(matches, span, spans);
      continue;
    }
    cover(matches, text.size(), split.invert, parts);
    append_words(parts, split.behavior, span.begin, spans);
  }
  words.spans = std::move(spans);
}

void PreTokenizer::apply(const Digits& digits, Words& words, bool) {
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

void PreTokenizer::apply(const PrefixSpace&, Words& words, bool) {
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

void PreTokenizer::apply(const Metaspace& metaspace, Words& words, bool at_start) {
  const std::string& mark = metaspace.mark;
  Words out;
  for (const TextSpan& span : words.spans) {
    const std::string word =
        replace_all(std::string_view(words.text).substr(span.begin, span.end - span.begin), " ", mark);
    const bool first = at_start && span.begin == 0;
    const bool prepend = metaspace.prepend == Metaspace::Prepend::kAlways ||
                         (metaspace.prepend == Metaspace::Prepend::kFirst && first);
    size_t begin = out.text.size();
    if (prepend && !word.starts_with(mark)) out.text += mark;
    const size_t written = out.text.size();
    out.text += word;
    if (metaspace.split) {
      // A mark that was prepended belongs to the word in any case, for no mark follows it.
      for (size_t at = word.find(mark); at != word.npos; at = word.find(mark, at + mark.size())) {
        if (written + at == begin) continue;
        out.spans.push_back({begin, written + at});
        begin = written + at;
      }
    }
    out.spans.push_back({begin, out.text.size()});
  }
  words = std::move(out);
}

}  // namespace grpo
