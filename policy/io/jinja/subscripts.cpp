// value[key], value.name and value[a:b:c].

#include <fmt/format.h>

#include <algorithm>

#include "policy/io/jinja/methods.h"
#include "policy/io/jinja/operators.h"
#include "policy/io/jinja/printing.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

void refuse_missing(const Runtime& runtime, const Value& value) {
  if (const auto* missing = value.get<std::shared_ptr<const Missing>>()) runtime.fail((*missing)->message);
}

// A list, tuple or range, which can be indexed; null for others.
const Sequence* indexed(const Value& value) {
  const Sequence* sequence = value.sequence();
  const bool has_index = sequence != nullptr && (sequence->kind == Sequence::Kind::kList ||
                                                 sequence->kind == Sequence::Kind::kTuple ||
                                                 sequence->kind == Sequence::Kind::kRange);
  return has_index ? sequence : nullptr;
}

Value item_at(Runtime& runtime, const Value& value, int64_t index) {
  if (const Sequence* sequence = indexed(value)) return sequence->items[static_cast<size_t>(index)];
  const Text& text = *value.text();
  runtime.scan(text.utf8.size());
  const size_t begin = text.ascii ? static_cast<size_t>(index) : byte_offset(text.utf8, index);
  size_t end = begin;
  next_character(text.utf8, end);
  return runtime.text(text.utf8.substr(begin, end - begin), text.safe);
}

// What a slice takes of something long enough: `count` items from `first` on, `stride` apart.
struct Slice {
  int64_t first = 0, stride = 1;
  uint64_t count = 0;
  size_t at(uint64_t i) const { return static_cast<size_t>(first + static_cast<int64_t>(i) * stride); }
};

Value slice_text(Runtime& runtime, const Text& text, const Slice& slice) {
  runtime.scan(text.utf8.size());
  if (slice.stride == 1) {
    const size_t begin = text.ascii ? static_cast<size_t>(slice.first) : byte_offset(text.utf8, slice.first);
    const std::string_view rest = std::string_view(text.utf8).substr(begin);
    const size_t bytes = text.ascii ? slice.count : byte_offset(rest, static_cast<int64_t>(slice.count));
    return runtime.text(std::string(rest.substr(0, bytes)), text.safe);
  }
  runtime.step(static_cast<int64_t>(text.utf8.size()));
  runtime.made(text.utf8.size() * sizeof(char32_t));
  std::u32string characters;
  for (size_t i = 0; i < text.utf8.size();) characters.push_back(next_character(text.utf8, i));
  std::string out;
  for (uint64_t i = 0; i < slice.count; ++i) append_utf8(out, characters[slice.at(i)]);
  return runtime.text(std::move(out), text.safe);
}

}  // namespace

Value get_item(Runtime& runtime, const Value& value, const Value& key) {
  refuse_missing(runtime, value);
  runtime.step();
  int64_t index = 0;
  if (const Dict* dict = value.dict()) {
    const bool usable = key.dict() == nullptr &&
                        (key.sequence() == nullptr || key.sequence()->kind == Sequence::Kind::kTuple);
    const Value* found = usable ? find_key(runtime, *dict, key) : nullptr;
    if (found != nullptr) return *found;
  } else if (key.integral(&index) && (indexed(value) != nullptr || value.text() != nullptr)) {
    const int64_t length = length_of(runtime, value);
    if (index < 0) index += length;
    if (index >= 0 && index < length) return item_at(runtime, value, index);
  }
  if (const Text* name = key.text()) return attribute_of(runtime, value, name->utf8);
  return runtime.missing(fmt::format("{} has no element {}", owner_name(value), to_repr(runtime, key)));
}

Value get_attribute(Runtime& runtime, const Value& value, const std::string& name) {
  refuse_missing(runtime, value);
  runtime.step();
  const Dict* dict = value.dict();
  if (dict != nullptr && !has_attribute(value, name)) {
    if (const Value* found = find_text_key(runtime, *dict, name)) return *found;
  }
  return attribute_of(runtime, value, name);
}

Value get_slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
                const Value& step) {
  refuse_missing(runtime, value);
  const Sequence* sequence = indexed(value);
  if (sequence == nullptr && value.text() == nullptr) {
    runtime.fail(fmt::format("'{}' object cannot be sliced", type_name(value)));
  }
  const int64_t length = length_of(runtime, value);
  const int64_t stride = integer_argument(runtime, "slice", &step, 1);
  if (stride == 0) runtime.fail("slice step cannot be zero");
  const bool forward = stride > 0;
  const auto bounded = [&](const Value& bound, int64_t fallback) {
    int64_t at = integer_argument(runtime, "slice", &bound, fallback);
    if (bound.is<None>()) return at;
    if (at < 0) at = at < -length ? -1 : at + length;
    return std::clamp<int64_t>(at, forward ? 0 : -1, forward ? length : length - 1);
  };
  Slice slice;
  slice.first = bounded(start, forward ? 0 : length - 1);
  slice.stride = stride;
  const int64_t last = bounded(stop, forward ? length : -1);
  const int64_t span = forward ? last - slice.first : slice.first - last;
  const uint64_t pace = forward ? static_cast<uint64_t>(stride) : uint64_t{0} - static_cast<uint64_t>(stride);
  slice.count = span <= 0 ? 0 : (static_cast<uint64_t>(span) - 1) / pace + 1;
  if (const Text* text = value.text()) return slice_text(runtime, *text, slice);
  runtime.step(static_cast<int64_t>(slice.count));
  std::vector<Value> items;
  for (uint64_t i = 0; i < slice.count; ++i) items.push_back(sequence->items[slice.at(i)]);
  const Value result = runtime.sequence(std::move(items), sequence->kind);
  if (sequence->kind != Sequence::Kind::kRange) return result;
  const auto whole = [&](Arithmetic op, int64_t a, int64_t b) {
    return *calculate(runtime, op, a, b).get<int64_t>();
  };
  const auto& [from, to, by] = sequence->range;
  result.sequence()->range = {whole(Arithmetic::kAdd, from, whole(Arithmetic::kMultiply, slice.first, by)),
                              whole(Arithmetic::kAdd, from, whole(Arithmetic::kMultiply, last, by)),
                              whole(Arithmetic::kMultiply, by, stride)};
  return result;
}

}  // namespace grpo::jinja
