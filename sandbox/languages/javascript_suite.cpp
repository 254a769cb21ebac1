// Suites in JavaScript. Two programs in two boxes: the driver holds the tests, the candidate holds what the policy wrote
// and answers calls with plain values over a socket. Nothing of the one is ever in the other.

#include <array>
#include <cctype>

#include "sandbox/languages/compile_log.h"
#include "sandbox/languages/signature.h"
#include "sandbox/languages/suite.h"

namespace grpo {
namespace {

// Values on the wire: JSON, and {"$": kind} for what JSON has no words for. Both sides speak it; a side that lies only
// hurts itself, for all that ever comes out of it is plain.
const char* const kWire = R"(
'use strict';
const fs = require('fs');

function encode(value, depth) {
  if (depth > 200) throw new TypeError('nested more than 200 deep');
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (value === undefined) return {$: 'undefined'};
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0) ? value : {$: 'number', v: Object.is(value, -0) ? '-0' : String(value)};
  }
  if (typeof value === 'bigint') return {$: 'bigint', v: String(value)};
  if (typeof value !== 'object') throw new TypeError('a ' + typeof value + ' is not a plain value');
  if (Array.isArray(value)) return Array.from(value, (item) => encode(item, depth + 1));
  if (value instanceof Date) return {$: 'date', v: value.getTime()};
  if (value instanceof Set) return {$: 'set', v: Array.from(value, (item) => encode(item, depth + 1))};
  if (value instanceof Map) {
    return {$: 'map', v: Array.from(value, ([k, v]) => [encode(k, depth + 1), encode(v, depth + 1)])};
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return encode(value.valueOf(), depth);
  return {$: 'object', v: Object.keys(value).map((key) => [key, encode(value[key], depth + 1)])};
}

function decode(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(decode);
  switch (value.$) {
    case 'undefined': return undefined;
    case 'number': return Number(value.v);
    case 'bigint': return BigInt(value.v);
    case 'date': return new Date(value.v);
    case 'set': return new Set(value.v.map(decode));
    case 'map': return new Map(value.v.map(([k, v]) => [decode(k), decode(v)]));
    case 'object': {
      const result = {};
      for (const [key, v] of value.v) {
        Object.defineProperty(result, key, {value: decode(v), writable: true, enumerable: true, configurable: true});
      }
      return result;
    }
  }
  throw new TypeError('not a value: ' + value.$);
}

let received = Buffer.alloc(0);
const kMessageMax = 64 << 20;

function sendLine(text) {
  const bytes = Buffer.from(text + '\n');
  for (let at = 0; at < bytes.length;) at += retried(() => fs.writeSync(3, bytes, at));
}

// The next line; null: the other side is gone.
function receiveLine() {
  const pieces = [received];
  for (;;) {
    const last = pieces[pieces.length - 1];
    const end = last.indexOf(10);
    if (end >= 0) {
      received = last.subarray(end + 1);
      pieces[pieces.length - 1] = last.subarray(0, end);
      return Buffer.concat(pieces).toString();
    }
    if (pieces.reduce((sum, piece) => sum + piece.length, 0) > kMessageMax) return null;
    const buffer = Buffer.allocUnsafe(1 << 16);
    let got = 0;
    try {
      got = retried(() => fs.readSync(3, buffer, 0, buffer.length));
    } catch (error) {
      return null;
    }
    if (got === 0) return null;
    pieces.push(buffer.subarray(0, got));
  }
}

function retried(operation) {
  for (;;) {
    try {
      return operation();
    } catch (error) {
      if (error.code !== 'EAGAIN' && error.code !== 'EINTR') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
)";

const char* const kCandidate = R"(
const vm = require('vm');
globalThis.require = require;
globalThis.module = module;
globalThis.exports = exports;
try {
  vm.runInThisContext(fs.readFileSync('candidate.js', 'utf8'), {filename: 'candidate.js'});
} catch (error) {
  console.error(error);
  process.exit(1);
}
for (let line = receiveLine(); line !== null; line = receiveLine()) {
  const request = JSON.parse(line);
  let reply;
  try {
    const f = vm.runInThisContext(request.name);
    const result = f(...decode(request.arguments));
    reply = JSON.stringify({value: encode(result, 0)});
  } catch (error) {
    let text = 'error';
    try {
      text = String(error).slice(0, 400);
    } catch (worse) {
    }
    reply = JSON.stringify({error: text});
  }
  sendLine(reply);
}
)";

const char* const kDriver = R"(
const vm = require('vm');
const tests = fs.readFileSync('tests.js', 'utf8');
let failed = '';

class CandidateError extends Error {}

function call(name, values) {
  sendLine(JSON.stringify({name, arguments: encode(values, 0)}));
  const line = receiveLine();
  if (line === null) {
    // What came of the candidate is for its own box to say; a try in the tests must not hide it.
    console.error('the candidate ended before its tests did');
    process.exit(3);
  }
  const reply = JSON.parse(line);
  if (typeof reply.error === 'string') throw new CandidateError(reply.error);
  return decode(reply.value);
}

function broken(error) {
  console.error(String(error && error.stack || error));
  process.exit(5);
}

globalThis.require = require;
globalThis.grpoCall = call;
console.assert = (holds, ...words) => {
  if (!holds && failed === '') failed = 'assertion ' + (words.length > 0 ? words.join(' ') : new Error().stack.split('\n')[2]);
};
let script = null;
try {
  script = new vm.Script(tests, {filename: 'tests.js'});
} catch (error) {
  broken(error);
}
try {
  script.runInThisContext();
} catch (error) {
  // Only the tests are here: a module that is missing is missing from the task.
  if (error && error.code === 'MODULE_NOT_FOUND') broken(error);
  failed = error instanceof CandidateError ? 'candidate: ' + error.message : String(error && error.stack || error);
}
if (failed !== '') {
  console.error(failed);
  process.exit(failed.startsWith('candidate: ') ? 4 : 2);
}
process.exitCode = 0;
)";

// Exit statuses of the driver.
constexpr int kTestFailed = 2;
constexpr int kCandidateGone = 3;
constexpr int kCandidateThrew = 4;
constexpr int kTestsBroken = 5;

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

struct Function {
  std::string before;  // the data set's text in front of it
  std::string name;
};

// The last "const NAME =", "let", "var" or "function NAME" of the declaration.
std::optional<Function> last_function(const std::string& declaration) {
  const std::string text = without_comments(declaration);
  std::optional<Function> found;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}') --depth;
    if (depth != 0 || !is_word(text[i]) || (i > 0 && is_word(text[i - 1]))) continue;
    for (const std::string keyword : {"const ", "let ", "var ", "function "}) {
      if (text.compare(i, keyword.size(), keyword) != 0) continue;
      size_t from = text.find_first_not_of(" *\t\n", i + keyword.size());
      size_t end = from;
      while (end < text.size() && is_word(text[end])) ++end;
      if (from != std::string::npos && end > from)
        found = Function{text.substr(0, i), text.substr(from, end - from)};
    }
  }
  return found;
}

}  // namespace

Judgement judge_javascript_suite(const SuiteContext& context) {
  const auto function = last_function(declaration_of(context));
  if (!function) refuse_suite(context, "the declaration holds no function");
  RunRequest request;
  request.connection = Connection::kSocket;
  for (const bool is_driver : {true, false}) {
    Program& program = request.programs.emplace_back();
    const std::string side = std::string(kWire) + (is_driver ? kDriver : kCandidate);
    const std::string tests = context.suite.prelude + "\n" + function->before + "\nconst " + function->name +
                              " = (...values) => grpoCall('" + function->name + "', values);\n" +
                              context.suite.test_code;
    const Compiled compiled = context.compiler.compile(
        "javascript",
        {{"main.js", side},
         {is_driver ? "tests.js" : "candidate.js", is_driver ? tests : candidate_text(context)}});
    program = compiled.program;
    program.limits = context.limits;
    // The driver waits for the candidate, whose time is what counts.
    if (is_driver) program.limits.wall_ms = context.limits.wall_limit_ms() + 1'000;
  }
  const RunResult result = context.sandbox.run(request);
  if (!result.failure.empty()) return suite_failed_to_run(result.failure, result.tier);
  const ProgramResult& driver = result.programs.at(0);
  const ProgramResult& candidate = result.programs.at(1);
  if (driver.exited_with(kTestsBroken)) return tests_did_not_compile(clean_log(driver.error), result.tier);
  // A candidate that is stopped by a limit, or dies, takes its tests with it; else the driver knows.
  ProgramResult run = candidate;
  if (driver.exited_with(0) || driver.exited_with(kTestFailed) || driver.exited_with(kCandidateThrew)) {
    run.limit = LimitFired::kNone;
    run.signal = 0;
    run.exit_code = driver.exit_code;
    run.near_memory_limit = false;
    run.error = driver.error;
  } else if (!driver.exited_with(kCandidateGone) && candidate.limit == LimitFired::kNone) {
    run = driver;
  }
  Judgement judgement = suite_result(context, run, driver.exited_with(0), "tests.js");
  if (driver.exited_with(kTestFailed) && !judgement.tests.empty()) {
    judgement.verdict = Verdict::kWrongAnswer;
    judgement.tests[0].verdict = Verdict::kWrongAnswer;
  }
  return judgement;
}

}  // namespace grpo
