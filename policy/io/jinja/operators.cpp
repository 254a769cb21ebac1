#include "policy/io/jinja/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "policy/io/jinja/methods.h"
#include "policy/io/jinja/printing.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

const char* symbol(Arithmetic op) {
  switch (op) {
    case Arithmetic::kAdd:
      return "+";
    case Arithmetic::kSubtract:
      return "-";
    case Arithmetic::kMultiply:
      return "*";
    case Arithmetic::kDivide:
      return "/";
    case Arithmetic::kFloorDivide:
      return "//";
    case Arithmetic::kRemainder:
      return "%";
    case Arithmetic::kPower:
      return "** or pow()";
  }
  return "";
}

void refuse_missing(const Runtime& runtime, const Value& value) {
  if (const auto* missing = value.get<std::shared_ptr<const Missing>>()) runtime.fail((*missing)->message);
}

[[noreturn]] void unsupported(const Runtime& runtime, Arithmetic op, const Value& a, const Value& b) {
  if (op == Arithmetic::kAdd && a.text() != nullptr) {
    runtime.fail(fmt::format("can only concatenate str (not \"{}\") to str", type_name(b)));
  }
  runtime.fail(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op), type_name(a),
                           type_name(b)));
}

[[noreturn]] void overflow(const Runtime& runtime) {
  runtime.fail("a whole number beyond 64 bits",
               "templates have no use for such numbers: mend the calculation");
}

int64_t power(const Runtime& runtime, int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (;;) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) overflow(runtime);
    exponent >>= 1;
    if (exponent == 0) return result;
    if (__builtin_mul_overflow(base, base, &base)) overflow(runtime);
  }
}

double float_remainder(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0.0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double float_floor_divide(double a, double b) {
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0.0 && (rest < 0) != (b < 0)) quotient -= 1.0;
  if (quotient == 0.0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1.0 : floored;
}

Value calculate_whole(Runtime& runtime, Arithmetic op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  switch (op) {
    case Arithmetic::kAdd:
      overflows = __builtin_add_overflow(a, b, &result);
      break;
    case Arithmetic::kSubtract:
      overflows = __builtin_sub_overflow(a, b, &result);
      break;
    case Arithmetic::kMultiply:
      overflows = __builtin_mul_overflow(a, b, &result);
      break;
    case Arithmetic::kPower:
      if (b >= 0) return power(runtime, a, b);
      if (a == 0) runtime.fail("0.0 cannot be raised to a negative power");
      return std::pow(static_cast<double>(a), static_cast<double>(b));
    case Arithmetic::kDivide:
      if (b == 0) runtime.fail("division by zero");
      return static_cast<double>(a) / static_cast<double>(b);
    case Arithmetic::kFloorDivide:
    case Arithmetic::kRemainder: {
      if (b == 0) runtime.fail("integer division or modulo by zero");
      if (b == -1) {
        if (op == Arithmetic::kRemainder) return int64_t{0};
        overflows = __builtin_sub_overflow(int64_t{0}, a, &result);
        break;
      }
      const int64_t rest = a % b;
      const bool below = rest != 0 && (rest < 0) != (b < 0);
      result = op == Arithmetic::kRemainder ? rest + (below ? b : 0) : a / b - (below ? 1 : 0);
      break;
    }
  }
  if (overflows) overflow(runtime);
  return result;
}

Value calculate_real(const Runtime& runtime, Arithmetic op, double a, double b) {
  const bool divides =
      op == Arithmetic::kDivide || op == Arithmetic::kFloorDivide || op == Arithmetic::kRemainder;
  if (divides && b == 0.0) runtime.fail("float division by zero");
  switch (op) {
    case Arithmetic::kAdd:
      return a + b;
    case Arithmetic::kSubtract:
      return a - b;
    case Arithmetic::kMultiply:
      return a * b;
    case Arithmetic::kDivide:
      return a / b;
    case Arithmetic::kFloorDivide:
      return float_floor_divide(a, b);
    case Arithmetic::kRemainder:
      return float_remainder(a, b);
    case Arithmetic::kPower:
      break;
  }
  if (a == 0.0 && b < 0) runtime.fail("0.0 cannot be raised to a negative power");
  if (a < 0 && b != std::floor(b))
    runtime.fail("a power of a negative number is complex, which is not supported");
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b))
    runtime.fail("Numerical result out of range");
  return result;
}

// A list or text several times over.
Value repeat(Runtime& runtime, const Value& value, int64_t count) {
  if (const Text* text = value.text()) {
    TextBuilder out(runtime);
    out.repeat(text->utf8, count);
    return std::move(out).value(text->safe);
  }
  const Sequence& sequence = *value.sequence();
  std::vector<Value> items;
  for (int64_t i = 0; i < count && !sequence.items.empty(); ++i) {
    runtime.step(static_cast<int64_t>(sequence.items.size()));
    runtime.made(sequence.items.size() * sizeof(Value));
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return runtime.sequence(std::move(items), sequence.kind);
}

bool repeatable(const Value& value) {
  const Sequence* sequence = value.sequence();
  return value.text() != nullptr || (sequence != nullptr && (sequence->kind == Sequence::Kind::kList ||
                                                             sequence->kind == Sequence::Kind::kTuple));
}

bool is_order_of_kind(const Sequence& a, const Sequence& b) {
  return a.kind == b.kind && (a.kind == Sequence::Kind::kList || a.kind == Sequence::Kind::kTuple);
}

bool equal_items(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!equal(runtime, a[i], b[i])) return false;
  }
  return true;
}

bool equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = find_key(runtime, b, key);
    if (other == nullptr || !equal(runtime, value, *other)) return false;
  }
  return true;
}

bool same_object(const Value& a, const Value& b) {
  return std::visit(
      [](const auto& x, const auto& y) {
        using X = std::decay_t<decltype(x)>;
        if constexpr (!std::is_same_v<X, std::decay_t<decltype(y)>>) {
          return false;
        } else if constexpr (std::is_same_v<X, None>) {
          return true;
        } else {
          return x == y;
        }
      },
      a.held(), b.held());
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Value join_texts(Runtime& runtime, const Text& a, const Text& b) {
  TextBuilder out(runtime);
  const bool safe = a.safe || b.safe;
  out.add(safe && !a.safe ? escape_html(a.utf8) : a.utf8);
  out.add(safe && !b.safe ? escape_html(b.utf8) : b.utf8);
  return std::move(out).value(safe);
}

Value calculate(Runtime& runtime, Arithmetic op, const Value& left, const Value& right) {
  if (op == Arithmetic::kRemainder && left.text() != nullptr)
    return format_percent(runtime, *left.text(), right);
  refuse_missing(runtime, left);
  refuse_missing(runtime, right);
  int64_t a = 0, b = 0;
  const bool whole_a = left.integral(&a), whole_b = right.integral(&b);
  if (whole_a && whole_b) return calculate_whole(runtime, op, a, b);
  double x = 0, y = 0;
  if (left.number(&x) && right.number(&y)) return calculate_real(runtime, op, x, y);
  if (op == Arithmetic::kAdd) {
    if (left.text() != nullptr && right.text() != nullptr)
      return join_texts(runtime, *left.text(), *right.text());
    const Sequence *p = left.sequence(), *q = right.sequence();
    if (p != nullptr && q != nullptr && is_order_of_kind(*p, *q)) {
      std::vector<Value> items = p->items;
      runtime.step(static_cast<int64_t>(p->items.size() + q->items.size()));
      items.insert(items.end(), q->items.begin(), q->items.end());
      return runtime.sequence(std::move(items), p->kind);
    }
  }
  if (op == Arithmetic::kMultiply) {
    if (whole_b && repeatable(left)) return repeat(runtime, left, b);
    if (whole_a && repeatable(right)) return repeat(runtime, right, a);
  }
  unsupported(runtime, op, left, right);
}

Value negative(Runtime& runtime, const Value& value) {
  refuse_missing(runtime, value);
  int64_t whole = 0;
  if (value.integral(&whole)) return calculate_whole(runtime, Arithmetic::kSubtract, 0, whole);
  if (const double* real = value.get<double>()) return -*real;
  runtime.fail(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
}

Value positive(Runtime& runtime, const Value& value) {
  refuse_missing(runtime, value);
  int64_t whole = 0;
  if (value.integral(&whole)) return whole;
  if (value.is<double>()) return value;
  runtime.fail(fmt::format("bad operand type for unary +: '{}'", type_name(value)));
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  const Runtime::Level level(runtime);
  runtime.step();
  int64_t m = 0, n = 0;
  if (a.integral(&m) && b.integral(&n)) return m == n;
  double x = 0, y = 0;
  if (a.number(&x) && b.number(&y)) {
    // A double beside a whole number is compared exactly, as Python does.
    if (a.integral(&m)) return y == std::floor(y) && std::abs(y) < 9.3e18L && static_cast<__int128>(y) == m;
    if (b.integral(&n)) return x == std::floor(x) && std::abs(x) < 9.3e18L && static_cast<__int128>(x) == n;
    return x == y;
  }
  if (const Text* s = a.text(), *t = b.text(); s != nullptr && t != nullptr) {
    runtime.scan(std::min(s->utf8.size(), t->utf8.size()));
    return s->utf8 == t->utf8;
  }
  if (a.missing() && b.missing()) return true;
  if (const Dict* d = a.dict(), *e = b.dict(); d != nullptr && e != nullptr)
    return equal_dicts(runtime, *d, *e);
  if (const Sequence* p = a.sequence(), *q = b.sequence();
      p != nullptr && q != nullptr && p != q && p->kind == q->kind) {
    if (p->kind == Sequence::Kind::kKeys || p->kind == Sequence::Kind::kItems) {
      if (p->items.size() != q->items.size()) return false;
      for (const Value& item : p->items) {
        if (!contains(runtime, b, item)) return false;
      }
      return true;
    }
    const bool by_items = p->kind != Sequence::Kind::kValues && p->kind != Sequence::Kind::kIterator;
    return by_items && equal_items(runtime, p->items, q->items);
  }
  return same_object(a, b);
}

bool less(Runtime& runtime, const Value& a, const Value& b, const char* op) {
  const Runtime::Level level(runtime);
  runtime.step();
  refuse_missing(runtime, a);
  refuse_missing(runtime, b);
  int64_t m = 0, n = 0;
  if (a.integral(&m) && b.integral(&n)) return m < n;
  double x = 0, y = 0;
  if (a.number(&x) && b.number(&y)) return x < y;
  if (const Text* s = a.text(), *t = b.text(); s != nullptr && t != nullptr) {
    runtime.scan(std::min(s->utf8.size(), t->utf8.size()));
    return s->utf8 < t->utf8;  // the order of UTF-8 is that of code points
  }
  const Sequence *p = a.sequence(), *q = b.sequence();
  if (p == nullptr || q == nullptr || !is_order_of_kind(*p, *q)) {
    runtime.fail(
        fmt::format("'{}' not supported between instances of '{}' and '{}'", op, type_name(a), type_name(b)));
  }
  for (size_t i = 0; i < std::min(p->items.size(), q->items.size()); ++i) {
    if (!equal(runtime, p->items[i], q->items[i])) return less(runtime, p->items[i], q->items[i], op);
  }
  return p->items.size() < q->items.size();
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    const Text* part = item.text();
    if (part == nullptr) {
      runtime.fail(fmt::format("'in <string>' requires string as left operand, not {}", type_name(item)));
    }
    runtime.scan(text->utf8.size() + part->utf8.size());
    return find_first(text->utf8, part->utf8) != std::string_view::npos;
  }
  if (const Dict* dict = container.dict()) return find_key(runtime, *dict, item) != nullptr;
  if (Sequence* sequence = container.sequence()) {
    const bool once = sequence->kind == Sequence::Kind::kIterator;
    for (size_t i = sequence->taken; i < sequence->items.size(); ++i) {
      if (once) sequence->taken = i + 1;
      if (equal(runtime, sequence->items[i], item)) return true;
    }
    return false;
  }
  if (container.missing()) return false;
  runtime.fail(fmt::format("argument of type '{}' is not iterable", type_name(container)));
}

bool compare(Runtime& runtime, Comparison op, const Value& left, const Value& right) {
  const auto unordered = [&] {  // a NaN is neither below nor above
    double x = 0, y = 0;
    return left.number(&x) && right.number(&y) && (std::isnan(x) || std::isnan(y));
  };
  switch (op) {
    case Comparison::kEqual:
      return equal(runtime, left, right);
    case Comparison::kNotEqual:
      return !equal(runtime, left, right);
    case Comparison::kLess:
      return less(runtime, left, right, "<");
    case Comparison::kGreater:
      return less(runtime, right, left, ">");
    case Comparison::kLessEqual:
      return !less(runtime, right, left, "<=") && !unordered();
    case Comparison::kGreaterEqual:
      return !less(runtime, left, right, ">=") && !unordered();
    case Comparison::kIn:
      return contains(runtime, right, left);
    case Comparison::kNotIn:
      return !contains(runtime, right, left);
  }
  return false;
}

}  // namespace grpo::jinja
