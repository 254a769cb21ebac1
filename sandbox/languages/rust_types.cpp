#include "sandbox/languages/rust_types.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

namespace grpo {
namespace {

using Words = std::set<std::string>;

const Words& standard_types() {
  static const Words words = {
      "String", "str",   "char",  "bool",    "i8",       "i16",      "i32", "i64",    "i128",   "isize",
      "u8",     "u16",   "u32",   "u64",     "u128",     "usize",    "f32", "f64",    "Vec",    "Option",
      "Result", "Box",   "mut",   "HashMap", "HashSet",  "BTreeMap", "BTreeSet", "VecDeque", "static"};
  return words;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string trimmed(const std::string& text) {
  const size_t from = text.find_first_not_of(" \t\r\n");
  return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

std::string word_at(const std::string& text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_word(text[end])) ++end;
  return text.substr(std::min(at, text.size()), end - at);
}

// Where `word` stands by itself, from `at` on.
size_t find_word(const std::string& text, const std::string& word, size_t at = 0) {
  for (at = text.find(word, at); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end >= text.size() || !is_word(text[end]))) return at;
  }
  return at;
}

// Made of nothing but these words, brackets, references and lifetimes.
bool is_plain_type(const std::string& text, const Words& words) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_word(text[i])) {
      const std::string word = word_at(text, i);
      const bool is_number = std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
      if (!is_number && !words.contains(word)) return false;
      i += word.size() - 1;
    } else if (std::string(" \t\n<>,&()[];'").find(text[i]) == std::string::npos) {
      return false;
    }
  }
  return true;
}

// The parts between commas that stand in no brackets.
std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    if (std::string("(<[{").find(c) != std::string::npos) ++depth;
    if (std::string(")>]}").find(c) != std::string::npos) --depth;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  for (std::string& part : parts) part = trimmed(part);
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

// "-> Shape<i32>" is "Shape<i32>".
std::string result_type(const Signature& signature) {
  const size_t arrow = signature.after.find("->");
  return arrow == std::string::npos ? "" : trimmed(signature.after.substr(arrow + 2));
}

}  // namespace

std::optional<Signature> called_function(const std::string& candidate, const std::string& tests) {
  const std::string code = without_comments(candidate);
  for (size_t at = find_word(code, "fn"); at != std::string::npos; at = find_word(code, "fn", at + 1)) {
    const std::string name = word_at(code, code.find_first_not_of(" \t\n", at + 2));
    const size_t body = code.find('{', at);
    if (name.empty() || body == std::string::npos) continue;
    const size_t call = find_word(tests, name);
    if (call == std::string::npos || tests.compare(call + name.size(), 1, "(") != 0) continue;
    std::optional<Signature> signature = last_signature(code.substr(at, body - at) + " {");
    if (!signature || signature->name != name || !trimmed(signature->generics).empty()) continue;
    const std::string& parameters = signature->parameters;
    const bool plain = is_plain_type(result_type(*signature), standard_types()) &&
                       parameters.find("::") == std::string::npos &&
                       find_word(parameters, "impl") == std::string::npos &&
                       find_word(parameters, "dyn") == std::string::npos;
    if (!plain) continue;
    signature->before.clear();
    return signature;
  }
  return std::nullopt;
}

std::optional<ForeignEnum> foreign_enum(const std::string& candidate, const Signature& signature) {
  ForeignEnum found;
  found.name = word_at(result_type(signature), 0);
  if (found.name.empty() || standard_types().contains(found.name)) return std::nullopt;
  const std::string code = without_comments(candidate);
  size_t at = find_word(code, found.name);
  while (at != std::string::npos && !trimmed(code.substr(0, at)).ends_with("enum")) at = find_word(code, found.name, at + 1);
  const size_t open = at == std::string::npos ? at : code.find('{', at);
  const size_t close = open == std::string::npos ? open : code.find('}', open);
  if (close == std::string::npos) return std::nullopt;
  const std::string generics = trimmed(code.substr(at + found.name.size(), open - at - found.name.size()));
  Words words = standard_types();
  if (!generics.empty()) {
    if (generics.front() != '<' || generics.back() != '>') return std::nullopt;
    for (const std::string& name : parts_of(generics.substr(1, generics.size() - 2))) {
      if (name.empty() || word_at(name, 0) != name) return std::nullopt;
      words.insert(name);
    }
  }
  for (const std::string& variant : parts_of(code.substr(open + 1, close - open - 1))) {
    const std::string name = word_at(variant, 0);
    const std::string rest = trimmed(variant.substr(name.size()));
    if (name.empty() || (!rest.empty() && (rest.front() != '(' || rest.back() != ')'))) return std::nullopt;
    std::string values;
    if (!rest.empty()) {
      const std::vector<std::string> types = parts_of(rest.substr(1, rest.size() - 2));
      for (size_t i = 0; i < types.size(); ++i) {
        if (!is_plain_type(types[i], words)) return std::nullopt;
        values += (i > 0 ? ", x" : "x") + std::to_string(i);
      }
      values = "(" + values + ")";
    }
    found.definition += name + rest + ", ";
    found.conversion += "::candidate::" + found.name + "::" + name + values + " => " + found.name + "::" + name + values + ", ";
  }
  found.definition = "#[derive(Debug, PartialEq)] pub enum " + found.name + generics + " { " + found.definition + "}";
  return found;
}

}  // namespace grpo
