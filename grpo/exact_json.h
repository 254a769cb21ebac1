#pragma once
// Any JSON value in memory as one that JSON text can hold, and back, so that nothing is lost in a file. Text cannot
// hold strings that are not UTF-8 (a completion cut inside a character) and numbers that are not finite; here those
// become objects with one key:
//
//   {"$bytes": "ff00"}                   a string that is not UTF-8, in hexadecimal digits
//   {"$double": "7ff8000000000000"}      NaN or an infinity, its bits in hexadecimal digits
//   {"$object": [["$bytes", 1], ...]}    an object with a key that begins with $ or is not UTF-8
//   {"$json": "[[[...]]]"}               the whole value as text, where it nests deeper than kPlainDepth levels
//
// Everything else stays as it is. What text makes of numbers is equal, not always of the same type: 5 may come back
// unsigned.

#include "core/json.h"

namespace grpo {

inline constexpr int64_t kPlainDepth = 200;

// A value that dump() writes without loss. Throws Error with `where` for a binary value, and for one that even as
// text would nest deeper than parse_json reads.
Json to_exact_json(const Json& value, const std::string& where);

// The value it was made of. Throws Error with `where` for an object with one of the keys above that none of this
// made.
Json from_exact_json(const Json& exact, const std::string& where);

}  // namespace grpo
