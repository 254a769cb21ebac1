// Suites in Go, as `go test` runs them: the tests are the candidate's own package, as Go has it, and therefore in one process
// and one name space with it. A package of ours, which Go initialises before the candidate's, takes the end word from
// stdin, and says it when all tests have passed.

#include "sandbox/languages/go_imports.h"
#include "sandbox/languages/suite.h"

namespace grpo {
namespace {

const char* const kWord = R"(package word

import (
	"io"
	"os"
	"testing"
)

var word []byte

func init() {
	word, _ = io.ReadAll(io.LimitReader(os.Stdin, 32))
	os.Stdin.Close()
}

// Run runs the tests and says on stdout that all of them passed, or on stderr that one did not. One that panics ends the
// program before.
func Run(m *testing.M) {
	out, messages := os.Stdout, os.Stderr
	status := m.Run()
	if status == 0 {
		out.Write(word)
	} else {
		messages.WriteString("grpo/suite: a test failed\n")
	}
	os.Exit(status)
}
)";

const char* const kMain = R"(package main

import (
	"grpo/suite/word"
	"testing"
)

func TestMain(m *testing.M) { word.Run(m) }
)";

// The few functions of testify's assert that suites use, with the same meaning.
const char* const kAssert = R"(package assert

import (
	"bytes"
	"math"
	"reflect"
)

type TestingT interface {
	Errorf(format string, args ...interface{})
}

type Assertions struct{ t TestingT }

func New(t TestingT) *Assertions { return &Assertions{t} }

func ObjectsAreEqual(expected, actual interface{}) bool {
	if expected == nil || actual == nil {
		return expected == actual
	}
	left, isBytes := expected.([]byte)
	if !isBytes {
		return reflect.DeepEqual(expected, actual)
	}
	right, isBytes := actual.([]byte)
	if !isBytes {
		return false
	}
	if left == nil || right == nil {
		return left == nil && right == nil
	}
	return bytes.Equal(left, right)
}

func fail(t TestingT, holds bool, format string, args ...interface{}) bool {
	if !holds {
		t.Errorf(format, args...)
	}
	return holds
}

func Equal(t TestingT, expected, actual interface{}, _ ...interface{}) bool {
	return fail(t, ObjectsAreEqual(expected, actual), "expected %v, found %v", expected, actual)
}

func NotEqual(t TestingT, expected, actual interface{}, _ ...interface{}) bool {
	return fail(t, !ObjectsAreEqual(expected, actual), "expected anything but %v", expected)
}

func True(t TestingT, value bool, _ ...interface{}) bool { return fail(t, value, "expected true") }

func False(t TestingT, value bool, _ ...interface{}) bool { return fail(t, !value, "expected false") }

func isNil(value interface{}) bool {
	if value == nil {
		return true
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Ptr, reflect.Slice:
		return v.IsNil()
	}
	return false
}

func Nil(t TestingT, value interface{}, _ ...interface{}) bool {
	return fail(t, isNil(value), "expected nil, found %v", value)
}

func NotNil(t TestingT, value interface{}, _ ...interface{}) bool {
	return fail(t, !isNil(value), "expected anything but nil")
}

func InDelta(t TestingT, expected, actual, delta float64, _ ...interface{}) bool {
	return fail(t, math.Abs(expected-actual) <= delta, "expected %v, found %v", expected, actual)
}

func (a *Assertions) Equal(expected, actual interface{}, more ...interface{}) bool {
	return Equal(a.t, expected, actual, more...)
}

func (a *Assertions) NotEqual(expected, actual interface{}, more ...interface{}) bool {
	return NotEqual(a.t, expected, actual, more...)
}

func (a *Assertions) True(value bool, more ...interface{}) bool { return True(a.t, value, more...) }

func (a *Assertions) False(value bool, more ...interface{}) bool { return False(a.t, value, more...) }

func (a *Assertions) Nil(value interface{}, more ...interface{}) bool { return Nil(a.t, value, more...) }

func (a *Assertions) NotNil(value interface{}, more ...interface{}) bool {
	return NotNil(a.t, value, more...)
}

func (a *Assertions) InDelta(expected, actual, delta float64, more ...interface{}) bool {
	return InDelta(a.t, expected, actual, delta, more...)
}
)";

const char* const kModule = R"(module grpo/suite

go 1.18

require github.com/stretchr/testify v1.0.0

replace github.com/stretchr/testify => ./testify
)";

}  // namespace

Judgement judge_go_suite(const SuiteContext& context) {
  if (context.source.find("grpo/suite") != std::string::npos) {
    return suite_did_not_compile("the candidate names the package of its tests\n", context.sandbox.tier());
  }
  Build build;
  // In a folder of its own: Go wants no go.mod in the folder for temporary files, which /box is.
  build.command = {"/bin/sh", "-c", "cd suite && exec {tool:go} test -c -vet=off -o ../program ."};
  build.files = {{"suite/go.mod", kModule},
                 {"suite/solution.go", go_file(context.suite.prelude + "\n" + context.suite.prompt, context.source)},
                 {"suite/solution_test.go", go_file(context.suite.test_code, "")},
                 {"suite/grpo_main_test.go", kMain},
                 {"suite/word/word.go", kWord},
                 {"suite/testify/go.mod", "module github.com/stretchr/testify\n"},
                 {"suite/testify/assert/assert.go", kAssert}};
  build.artefacts = {"program"};
  const Built built = context.compiler.build("go", build);
  if (auto judgement = judge_build(context, built)) return *judgement;
  Program program;
  program.command = {"program"};
  program.executable = built.artefacts[0];
  program.environment = context.compiler.environment("go");
  return run_suite(context, std::move(program), "grpo/suite: a test failed");
}

}  // namespace grpo
