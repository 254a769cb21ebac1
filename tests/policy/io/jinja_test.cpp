// Templates against jinja2 itself (tests/golden/chat/make.py), what is refused and how, and hostile ones.
#include <gtest/gtest.h>

#include <chrono>

#include "core/error.h"
#include "policy/io/jinja/template.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using jinja::Template;

// 15 January 2025, 12:00, as in the goldens.
std::tm golden_time() {
  std::tm time{};
  time.tm_year = 125;
  time.tm_mday = 15;
  time.tm_hour = 12;
  time.tm_wday = 3;
  time.tm_yday = 14;
  return time;
}

std::map<std::string, Json> variables_of(const Json& object) {
  std::map<std::string, Json> variables;
  for (const auto& [name, value] : object.items()) variables[name] = value;
  return variables;
}

std::string rendered(const std::string& text, const Json& variables = Json::object()) {
  return Template::parse(text, "chat.jinja")
      .render(variables_of(variables), {.limits = {}, .now = golden_time});
}

// Whatever the variables: the Error a template ends in.
Error fault(const std::string& text, const Json& variables = Json::object()) {
  return error_of([&] { rendered(text, variables); });
}

TEST(Jinja, EveryExpressionAndTemplateGivesTheTextOfJinja2) {
  const Json cases = parse_json(read_data(golden_path("chat/jinja.json")), "jinja.json");
  const Json variables = cases[0]["variables"];
  ASSERT_GT(cases.size(), 700u);
  for (size_t i = 1; i < cases.size(); ++i) {
    const auto text = cases[i]["template"].get<std::string>();
    if (cases[i]["text"].is_null()) {
      EXPECT_THROW(rendered(text, variables), Error) << text;
      continue;
    }
    try {
      EXPECT_EQ(rendered(text, variables), cases[i]["text"].get<std::string>()) << text;
    } catch (const Error& error) {
      ADD_FAILURE() << text << ": " << error.what();
    }
  }
}

TEST(JinjaErrors, NameTheTemplateAndTheLine) {
  EXPECT_EQ(fault("a\n{{ x.y.z }}", {{"x", Json::object()}}).where(), "chat.jinja: line 2");
  EXPECT_EQ(fault("{% if x %}\n\n{{ 'a }}{% endif %}").where(), "chat.jinja: line 3");
  EXPECT_EQ(fault("{{ 1 }}\n{#\n\n#}\n{{ 1 / 0 }}").where(), "chat.jinja: line 5");
  EXPECT_EQ(fault("{% macro m() %}\n{{ none + 1 }}{% endmacro %}\n\n{{ m() }}").where(),
            "chat.jinja: line 2");
  EXPECT_EQ(fault("{{ [1,\n 2]\n + 3 }}").where(), "chat.jinja: line 1");
}

TEST(JinjaErrors, SayWhatPythonSays) {
  EXPECT_EQ(fault("{{ x.y.z }}", {{"x", Json::object()}}).summary(), "'dict object' has no attribute 'y'");
  EXPECT_EQ(fault("{{ x + 1 }}").summary(), "'x' is undefined");
  EXPECT_EQ(fault("{{ 'a' + 1 }}").summary(), "can only concatenate str (not \"int\") to str");
  EXPECT_EQ(fault("{% for a in none %}{% endfor %}").summary(), "'NoneType' object is not iterable");
  EXPECT_EQ(fault("{{ raise_exception('only users') }}").summary(), "only users");
}

TEST(JinjaErrors, UnknownNamesAreRefusedBeforeTheTemplateRuns) {
  const auto load = [](const std::string& text) {
    return error_of([&] { Template::parse("{% if false %}" + text + "{% endif %}", "t"); });
  };
  EXPECT_EQ(load("{{ x | frobnicate }}").summary(), "filter 'frobnicate' is not known");
  EXPECT_TRUE(holds(load("{{ x | frobnicate }}").fix(), "selectattr"));
  EXPECT_EQ(load("{{ x is frobbed }}").summary(), "test 'frobbed' is not known");
  EXPECT_EQ(load("{% include 'other' %}").summary(),
            "tag 'include' is not supported: a chat template is one file");
  EXPECT_EQ(load("{% frob %}").summary(), "tag 'frob' is not known here");
  EXPECT_EQ(load("{% for a in b recursive %}{% endfor %}").summary(), "recursive loops are not supported");
}

TEST(JinjaErrors, TextThatIsNotUtf8IsRefused) {
  EXPECT_EQ(error_of([] { Template::parse("a\xff", "t"); }).summary(), "the template is not UTF-8");
  EXPECT_EQ(rendered("{{ x }}", {{"x", "a\xff\x62"}}), "a\xef\xbf\xbd\x62");
}

TEST(JinjaSandbox, NothingOfTheDataCanBeChangedOrReachedInto) {
  const Json variables = {{"l", {1, 2}}, {"d", {{"a", 1}}}};
  for (const char* text :
       {"{{ l.append(1) }}", "{{ l.clear() }}", "{{ d.update({}) }}", "{{ d.pop('a') }}",
        "{{ d.setdefault('b', 1) }}", "{{ l.__class__.__mro__ }}", "{{ ''['__class__'].x }}",
        "{{ d.items.__self__.x }}", "{% set ns = namespace() %}{% set ns.__init__ = 1 %}"}) {
    EXPECT_THROW(rendered(text, variables), Error) << text;
  }
}

TEST(Jinja, WhatHasAnAddressInPythonIsNotPrinted) {
  for (const char* text : {"{{ d.items }}", "{{ l | map('string') }}", "{{ range }}",
                           "{% for a in l %}{{ loop }}{% endfor %}"}) {
    EXPECT_THROW(rendered(text, {{"l", {1}}, {"d", Json::object()}}), Error) << text;
  }
}

TEST(Jinja, TheClockIsTheCallers) {
  EXPECT_EQ(rendered("{{ strftime_now('%A, %d %B %Y') }}"), "Wednesday, 15 January 2025");
}

TEST(Jinja, MentionsKnowsTheNamesOfATemplate) {
  const Template date = Template::parse("{% if false %}{{ strftime_now('%d') }}{% endif %}", "t");
  EXPECT_TRUE(date.mentions("strftime_now"));
  EXPECT_FALSE(date.mentions("tools"));
}

TEST(Jinja, OneTemplateRendersTheSameTwice) {
  const Template t = Template::parse(
      "{% set ns = namespace(n=0) %}{% for i in l %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "t");
  EXPECT_EQ(t.render({{"l", {1, 2, 3}}}), "6");
  EXPECT_EQ(t.render({{"l", {4}}}), "4");
}

// --- hostile templates end in an Error, soon and within their budget

class HostileTemplate : public ::testing::TestWithParam<const char*> {};

TEST_P(HostileTemplate, EndsInAnErrorWithinItsLimits) {
  const jinja::Limits limits{
      .steps = 300'000, .value_bytes = 8 << 20, .output_bytes = 1 << 20, .nesting = 1000};
  const auto start = std::chrono::steady_clock::now();
  const Error error = error_of([&] {
    Template::parse(GetParam(), "t")
        .render({{"s", std::string(20'000, 'a')}, {"l", {1, 2, 3}}}, {.limits = limits, .now = golden_time});
  });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(holds(error.where(), "line")) << error.what();
  EXPECT_LT(seconds.count(), 10.0) << error.what();
}

INSTANTIATE_TEST_SUITE_P(
    Loops, HostileTemplate,
    ::testing::Values("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
                      "{% for a in range(100000) %}{{ s }}{% endfor %}",
                      "{% for a in range(99999) %}{% set x = s ~ s %}{% endfor %}",
                      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                      "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
                      "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{% macro n() %}{{ n() }}{% "
                      "endmacro %}{{ n() }}{% endcall %}",
                      "{% for a in range(99999999999) %}{% endfor %}",
                      "{{ range(-9223372036854775807, 9223372036854775807, 9) }}"));
INSTANTIATE_TEST_SUITE_P(
    Sizes, HostileTemplate,
    ::testing::Values(
        "{{ 'x' * 9999999999 }}", "{{ 'x' * 9223372036854775807 }}", "{{ [l] * 999999999 }}",
        "{{ '%099999d' * 1000 % () }}", "{{ '%99999999999d' % 1 }}", "{{ 'a'.center(99999999999) }}",
        "{{ 'a'.ljust(9223372036854775807) }}", "{{ 'a'.zfill(9223372036854775807) }}",
        "{{ s.replace('', s) }}", "{{ s.replace('a', s) }}", "{{ s.join(s) }}", "{{ s | list | join(s) }}",
        "{{ s.replace('a', '\n') | indent(99999, blank=true) }}", "{{ [1] | tojson(indent=999999999) }}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% "
        "endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% "
        "endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] "
        "%}{% endfor %}{{ ns.x }}",
        "{{ strftime_now('%9999999d') }}", "{{ strftime_now('%d' * 5000) }}", "{{ s.split('') }}"));
INSTANTIATE_TEST_SUITE_P(
    Depths, HostileTemplate,
    ::testing::Values("{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% "
                      "endfor %}{{ ns.x }}",
                      "{% set ns = namespace(x={}) %}{% for i in range(99999) %}{% set ns.x = {'a': ns.x} "
                      "%}{% endfor %}{{ ns.x | tojson }}",
                      "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
                      "{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns | string }}",
                      "{% set a = namespace() %}{% set b = namespace() %}{% set a.x = b %}{% set b.x = a "
                      "%}{{ [a] | tojson }}{{ a }}",
                      "{% set ns = namespace(x='a'.upper) %}{% for i in range(9999) %}{% set ns.x = "
                      "[ns.x].count %}{% endfor %}{{ ns.x }}"));
INSTANTIATE_TEST_SUITE_P(
    Numbers, HostileTemplate,
    ::testing::Values("{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}",
                      "{{ 9223372036854775807 * 2 }}", "{{ 2 ** 64 }}", "{{ 2 ** 9223372036854775807 }}",
                      "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}",
                      "{{ (-9223372036854775807 - 1) | abs }}", "{{ 99999999999999999999 }}",
                      "{{ '99999999999999999999' | int }}", "{{ 1e300 | int }}", "{{ 1 % 0 }}",
                      "{{ 1e308 ** 2 }}", "{{ 0 ** -1 }}", "{{ l[::0] }}", "{{ range(0, 5, 0) }}",
                      "{{ '%d' % 1e300 }}", "{{ l | round(999) }}",
                      "{{ range(0, 9223372036854775807, 9000000000000000000)[::9000000000000000000] }}"));

TEST(HostileTemplates, NestingIsBoundedWhenATemplateIsRead) {
  const auto often = [](const std::string& text) {
    std::string out;
    for (int i = 0; i < 10'000; ++i) out += text;
    return out;
  };
  const auto refusal = [](const std::string& text) {
    return error_of([&] { Template::parse(text, "t"); }).summary();
  };
  EXPECT_TRUE(holds(refusal(often("{% if x %}") + often("{% endif %}")), "levels of nesting"));
  EXPECT_TRUE(holds(refusal("{% for " + often("(") + "a" + often(")") + " in x %}{% endfor %}"),
                    "levels of nesting"));
  const std::pair<const char*, const char*> around[] = {{"(", ")"},  {"[", "]"},          {"{1: ", "}"},
                                                        {"x(", ")"}, {"x[", "]"},         {"not ", ""},
                                                        {"- ", ""},  {"x if x else ", ""}};
  for (const auto& [open, close] : around) {
    EXPECT_TRUE(holds(refusal("{{ " + often(open) + "1" + often(close) + " }}"), "levels of nesting"))
        << open;
  }
  for (const char* behind : {" + 1", " | upper", ".a", "[0]", "()", " ** 2", " if x", " and x"}) {
    EXPECT_TRUE(holds(refusal("{{ x" + often(behind) + " }}"), "operators in a row")) << behind;
  }
}

TEST(HostileTemplates, SearchesAreLinear) {
  // A naive search compares half a million times half a million bytes.
  const Json variables = {{"s", std::string(1'000'000, 'a')}, {"p", std::string(500'000, 'a') + "b"}};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(
      rendered(
          "{{ p in s }}{{ s.find(p) }}{{ s.rfind('b' ~ p[:-1]) }}{{ s.split(p) | length }}{{ s.count(p) }}",
          variables),
      "False-1-110");
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 5.0);
}

TEST(HostileTemplates, ALongConversationIsNoHostileTemplate) {
  Json messages = Json::array();
  for (int i = 0; i < 2000; ++i)
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", std::string(4000, 'x')}});
  const std::string text = rendered(
      "{% for m in messages %}{{ '<' + m['role'] + '>\n' + m.content.split('</think>')[-1] | trim + "
      "'<end>\n' }}{% endfor %}",
      {{"messages", messages}});
  EXPECT_GT(text.size(), 8'000'000u);
}

}  // namespace
}  // namespace grpo
