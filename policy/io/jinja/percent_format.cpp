// printf-style formatting: "%s of %d" % (a, b), and the filter `format`.

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "policy/io/jinja/operators.h"
#include "policy/io/jinja/printing.h"

namespace grpo::jinja {
namespace {

constexpr int64_t kWidest = 100'000;
constexpr int64_t kMostDigits = 300;

struct Spec {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  int64_t width = 0;
  int64_t precision = -1;
  char type = 0;
};

std::string padded(std::string text, const Spec& spec, bool number) {
  const int64_t missing = spec.width - count_characters(text);
  if (missing <= 0) return text;
  const auto count = static_cast<size_t>(missing);
  if (spec.left) return text + std::string(count, ' ');
  if (!spec.zero || !number) return std::string(count, ' ') + text;
  size_t prefix = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ') ? 1 : 0;
  if (spec.alternate && text.size() > prefix + 1 &&
      std::string("xXo").find(text[prefix + 1]) != std::string::npos)
    prefix += 2;
  return text.insert(prefix, count, '0');
}

std::string whole_text(Runtime& runtime, const Spec& spec, const Value& value) {
  int64_t whole = 0;
  if (const double* real = value.get<double>(); real != nullptr && spec.type == 'd') {
    if (!std::isfinite(*real) || std::abs(*real) > 9.2e18)
      runtime.fail("a float beyond 64 bits is formatted with %d");
    whole = static_cast<int64_t>(*real);
  } else if (!value.integral(&whole)) {
    runtime.fail(fmt::format("%{} format: a real number is required, not {}", spec.type, type_name(value)));
  }
  const uint64_t size = whole < 0 ? uint64_t{0} - static_cast<uint64_t>(whole) : static_cast<uint64_t>(whole);
  std::string digits = spec.type == 'x'   ? fmt::format("{:x}", size)
                       : spec.type == 'X' ? fmt::format("{:X}", size)
                       : spec.type == 'o' ? fmt::format("{:o}", size)
                                          : std::to_string(size);
  if (static_cast<int64_t>(digits.size()) < spec.precision) {
    digits.insert(0, static_cast<size_t>(spec.precision) - digits.size(), '0');
  }
  if (spec.alternate && spec.type != 'd') digits = fmt::format("0{}{}", spec.type, digits);
  return (whole < 0 ? "-" : spec.plus ? "+" : spec.space ? " " : "") + digits;
}

std::string real_text(Runtime& runtime, const Spec& spec, const Value& value) {
  double real = 0;
  if (!value.number(&real)) {
    runtime.fail(fmt::format("must be real number, not {}", type_name(value)));
  }
  std::string format = "%";
  if (spec.plus) format += '+';
  if (spec.space) format += ' ';
  if (spec.alternate) format += '#';
  format += fmt::format(".{}", spec.precision < 0 ? 6 : spec.precision);
  format += spec.type;
  char buffer[1024];  // 309 digits before the point and kMostDigits behind it
  std::snprintf(buffer, sizeof buffer, format.c_str(), real);
  return buffer;
}

std::string field_text(Runtime& runtime, const Spec& spec, const Value& value) {
  switch (spec.type) {
    case 's':
    case 'r': {
      std::string text = spec.type == 's' ? to_text(runtime, value) : to_repr(runtime, value);
      if (spec.precision >= 0) text.resize(byte_offset(text, spec.precision));
      return padded(std::move(text), spec, false);
    }
    case 'd':
    case 'x':
    case 'X':
    case 'o':
      return padded(whole_text(runtime, spec, value), spec, true);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return padded(real_text(runtime, spec, value), spec, true);
    default:
      runtime.fail(fmt::format("format character '{}' is not supported", spec.type),
                   "use %s, %r, %d, %x, %f, %e or %g");
  }
}

class Formatter {
 public:
  Formatter(Runtime& runtime, const std::string& format, const Value& arguments)
      : runtime_(runtime), format_(format), arguments_(arguments) {}

  Value run() {
    TextBuilder out(runtime_);
    while (at_ < format_.size()) {
      const size_t mark = format_.find('%', at_);
      out.add(std::string_view(format_).substr(at_, mark - at_));
      if (mark == std::string::npos) break;
      at_ = mark + 1;
      out.add(field());
    }
    const Sequence* tuple = tuple_arguments();
    const Sequence* sequence = arguments_.sequence();
    // Python takes whatever can be subscripted for a mapping, which need not be used up.
    const bool mapping = arguments_.dict() != nullptr || arguments_.missing() ||
                         (sequence != nullptr && (sequence->kind == Sequence::Kind::kList ||
                                                  sequence->kind == Sequence::Kind::kRange));
    const bool spare = tuple != nullptr ? used_ < tuple->items.size() : used_ == 0 && !mapping;
    if (spare) runtime_.fail("not all arguments converted during string formatting");
    return std::move(out).value();
  }

 private:
  const Sequence* tuple_arguments() const {
    const Sequence* sequence = arguments_.sequence();
    return sequence != nullptr && sequence->kind == Sequence::Kind::kTuple ? sequence : nullptr;
  }

  char next() {
    if (at_ >= format_.size()) runtime_.fail("incomplete format");
    return format_[at_++];
  }

  int64_t digits(int64_t most) {
    int64_t number = 0;
    while (at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9') {
      number = number * 10 + (format_[at_++] - '0');
      if (number > most) runtime_.fail(fmt::format("a width or precision above {}", most));
    }
    return number;
  }

  Value argument() {
    if (const Sequence* tuple = tuple_arguments()) {
      if (used_ < tuple->items.size()) return tuple->items[used_++];
    } else if (used_ == 0) {
      ++used_;
      return arguments_;
    }
    runtime_.fail("not enough arguments for format string");
  }

  std::string field() {
    runtime_.step();
    Spec spec;
    std::optional<Value> named;
    if (at_ < format_.size() && format_[at_] == '(') {
      const size_t end = format_.find(')', at_);
      if (end == std::string::npos) runtime_.fail("incomplete format key");
      if (arguments_.dict() == nullptr) runtime_.fail("format requires a mapping");
      const Value* found = find_text_key(runtime_, *arguments_.dict(),
                                         std::string_view(format_).substr(at_ + 1, end - at_ - 1));
      if (found == nullptr) runtime_.fail("the format names a key that the mapping does not have");
      named = *found;
      at_ = end + 1;
    }
    for (;; ++at_) {
      const char flag = at_ < format_.size() ? format_[at_] : '\0';
      if (flag == '-')
        spec.left = true;
      else if (flag == '0')
        spec.zero = true;
      else if (flag == '+')
        spec.plus = true;
      else if (flag == ' ')
        spec.space = true;
      else if (flag == '#')
        spec.alternate = true;
      else
        break;
    }
    spec.width = digits(kWidest);
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      spec.precision = digits(kMostDigits);
    }
    while (at_ < format_.size() && (format_[at_] == 'l' || format_[at_] == 'h' || format_[at_] == 'L')) ++at_;
    spec.type = next();
    if (spec.type == '%') return "%";
    if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    return field_text(runtime_, spec, named ? *named : argument());
  }

  Runtime& runtime_;
  const std::string& format_;
  const Value& arguments_;
  size_t at_ = 0;
  size_t used_ = 0;
};

}  // namespace

Value format_percent(Runtime& runtime, const Text& format, const Value& arguments) {
  if (format.safe) runtime.fail("formatting text that went through `safe` or `escape` is not supported");
  return Formatter(runtime, format.utf8, arguments).run();
}

}  // namespace grpo::jinja
