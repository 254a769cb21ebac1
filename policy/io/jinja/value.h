#pragma once
// What a template computes with: Python's values as Jinja's sandbox lets a template see them. Values are
// immutable (the sandbox refuses every method that would change one); only a namespace's attributes change.
// They are made by a Runtime, which counts what they cost.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "policy/io/jinja/characters.h"

namespace grpo::jinja {

class Value;
struct Arguments;
class Runtime;
struct Signature;
struct Scope;

struct Text {
  std::string utf8;  // always valid
  bool ascii = true;
  bool safe = false;  // of the filters `safe` and `escape`: adding other text to it escapes that
};

// Jinja's Undefined: prints as nothing, is false and empty; anything else done with it fails with `message`.
struct Missing {
  std::string message;
};

struct Sequence {
  // Of these only lists and tuples can be told from their printed form; an iterator (of map, select, reverse
  // and others) can be walked once and has no length.
  enum class Kind : uint8_t { kList, kTuple, kRange, kKeys, kValues, kItems, kIterator };
  Kind kind = Kind::kList;
  int depth = 1;  // levels of nesting
  std::vector<Value> items;
  std::array<int64_t, 3> range{};  // start, stop, step of kRange
  size_t taken = 0;                // of kIterator: items that were walked over
};

// Keys in the order in which they were written.
struct Dict {
  int depth = 1;
  std::vector<std::pair<Value, Value>> items;
  std::map<std::string, size_t, std::less<>> by_text;  // where a string key stands, if there are many keys
};

// namespace(...): owned by the render that made it, as are loops and macros.
struct Namespace {
  std::map<std::string, Value> attributes;
};

struct Loop;

struct Macro {
  const Signature* signature = nullptr;
  Scope* scope = nullptr;
};

// A method of a value, not yet called.
struct Method;

struct Function {
  const char* name;
  Value (*call)(Runtime&, const Arguments&);
};

struct None {};

using TextPtr = std::shared_ptr<const Text>;
using SequencePtr = std::shared_ptr<Sequence>;
using DictPtr = std::shared_ptr<const Dict>;

template <typename T, typename Variant>
inline constexpr bool kIsAlternative = false;
template <typename T, typename... Ts>
inline constexpr bool kIsAlternative<T, std::variant<Ts...>> = (std::is_same_v<T, Ts> || ...);

class Value {
 public:
  using Variant =
      std::variant<None, std::shared_ptr<const Missing>, bool, int64_t, double, TextPtr, SequencePtr, DictPtr,
                   Namespace*, Loop*, const Macro*, std::shared_ptr<const Method>, const Function*>;

  Value() = default;  // None
  template <typename T>
  requires kIsAlternative<std::decay_t<T>, Variant> Value(
      T&& held)  // NOLINT: a value is made of what it holds
      : held_(std::in_place_type<std::decay_t<T>>, std::forward<T>(held)) {}

  // The value of a type, null if it holds another.
  template <typename T>
  const T* get() const {
    return std::get_if<T>(&held_);
  }
  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(held_);
  }
  const Variant& held() const { return held_; }

  bool missing() const { return is<std::shared_ptr<const Missing>>(); }
  const Text* text() const { return is<TextPtr>() ? std::get<TextPtr>(held_).get() : nullptr; }
  Sequence* sequence() const { return is<SequencePtr>() ? std::get<SequencePtr>(held_).get() : nullptr; }
  const Dict* dict() const { return is<DictPtr>() ? std::get<DictPtr>(held_).get() : nullptr; }
  // A whole number: an int, or a bool as 0 and 1.
  bool integral(int64_t* out) const;
  // Any number.
  bool number(double* out) const;

 private:
  Variant held_;
};

struct Method {
  Value receiver;
  std::string name;
};

// A running for loop, which its body sees as `loop`.
struct Loop {
  std::vector<Value> items;
  size_t index = 0;
  std::vector<Value> last_changed;
  bool changed_before = false;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keywords;
};

// Python's name of the type: "str", "dict", "NoneType", ...
std::string type_name(const Value& value);
// As Jinja names the owner of a missing attribute: "dict object", "None", ...
std::string owner_name(const Value& value);

bool truth(const Value& value);
int depth_of(const Value& value);

}  // namespace grpo::jinja
