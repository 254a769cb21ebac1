#pragma once
// What one render may spend, and where it stands. Templates come with downloaded checkpoints and are not
// trusted: every step, every byte made and every level of nesting is counted, and a render that exceeds its
// Limits ends in an Error that names the template's line.

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/io/jinja/value.h"

namespace grpo::jinja {

struct Limits {
  int64_t steps = 20'000'000;                // nodes evaluated, items walked, and one per 128 bytes searched
  int64_t value_bytes = int64_t{256} << 20;  // of all values a render makes, freed or not
  int64_t output_bytes = int64_t{64} << 20;  // of the text
  int nesting = 1000;                        // of evaluation: calls of macros and what stands within what
};

class Runtime {
 public:
  // `where` names the template in messages; `now` answers strftime_now.
  Runtime(const Limits& limits, std::string where, std::function<std::tm()> now);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  int line = 1;  // of the template, for messages

  [[noreturn]] void fail(const std::string& what, const std::string& fix = "") const;

  // Counting. Each throws Error beyond its limit.
  void step(int64_t count = 1) {
    if ((steps_ += count) > limits_.steps) too_much("steps", limits_.steps);
  }
  void scan(size_t bytes) { step(static_cast<int64_t>(bytes / 128)); }
  void made(size_t bytes) {
    if ((bytes_ += static_cast<int64_t>(bytes)) > limits_.value_bytes)
      too_much("bytes of values", limits_.value_bytes);
  }
  const Limits& limits() const { return limits_; }

  // A level of nesting, given back when it goes out of scope.
  class Level {
   public:
    explicit Level(Runtime& runtime) : runtime_(runtime) {
      if (++runtime_.nesting_ > runtime_.limits_.nesting) {
        --runtime_.nesting_;
        runtime_.too_much("levels of nesting", runtime_.limits_.nesting);
      }
    }
    ~Level() { --runtime_.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Runtime& runtime_;
  };

  // Makers of values. Text must be valid UTF-8.
  Value text(std::string utf8, bool safe = false);
  Value text(std::string_view utf8) { return text(std::string(utf8)); }
  Value text(const char* utf8) { return text(std::string(utf8)); }
  Value missing(std::string message);
  Value missing_variable(const std::string& name);  // 'name' is undefined
  Value missing_attribute(const Value& owner,
                          const std::string& name);  // 'dict object' has no attribute 'name'
  Value sequence(std::vector<Value> items, Sequence::Kind kind = Sequence::Kind::kList);
  Value dict(std::vector<std::pair<Value, Value>> items);  // later keys replace earlier ones that are equal
  Value make_namespace();
  Value method(const Value& receiver, const std::string& name);

  std::tm now() const { return now_(); }
  const std::string& where() const { return where_; }

 private:
  [[noreturn]] void too_much(const char* what, int64_t limit) const;

  const Limits limits_;
  const std::string where_;
  const std::function<std::tm()> now_;
  int64_t steps_ = 0;
  int64_t bytes_ = 0;
  int nesting_ = 0;
  std::vector<std::unique_ptr<Namespace>> namespaces_;
};

// Text put together piece by piece; every piece is counted before it is copied.
class TextBuilder {
 public:
  explicit TextBuilder(Runtime& runtime) : runtime_(runtime) {}
  void add(std::string_view piece) {
    runtime_.made(piece.size());
    text_.append(piece);
  }
  void repeat(std::string_view piece, int64_t count);
  bool empty() const { return text_.empty(); }
  Value value(bool safe = false) &&;
  std::string take() && { return std::move(text_); }

 private:
  Runtime& runtime_;
  std::string text_;
};

// The items of anything that can be walked over: sequences, the keys of a dict, the characters of a text,
// nothing of an undefined value. Walks an iterator to its end. Fails for other types.
std::vector<Value> items_of(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);
// len(): fails for types without one.
int64_t length_of(Runtime& runtime, const Value& value);
// Where `key` stands in the dict; null if it is not there. Fails for a key that cannot be one.
const Value* find_key(Runtime& runtime, const Dict& dict, const Value& key);
const Value* find_text_key(Runtime& runtime, const Dict& dict, std::string_view key);

// Arguments by position or name, in the order of `names`; null where one was not given. Fails, naming
// `callee`, for an unknown or repeated name, too many, or fewer than `required`.
std::vector<const Value*> bind(Runtime& runtime, const std::string& callee, const Arguments& arguments,
                               const std::vector<const char*>& names, size_t required);
// An argument that must be a whole number, or text; `fallback` where it was not given (or is None).
int64_t integer_argument(Runtime& runtime, const std::string& callee, const Value* value, int64_t fallback);
std::string text_argument(Runtime& runtime, const std::string& callee, const Value* value,
                          const std::string& fallback);

}  // namespace grpo::jinja
