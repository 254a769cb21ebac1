// What the page of a run is made of, piece by piece.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "pipelines/report/chart.h"
#include "pipelines/report/curve.h"
#include "pipelines/report/eval_table.h"
#include "pipelines/report/html.h"
#include "pipelines/report/json_lines.h"
#include "pipelines/report/sample_episodes.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

TEST(Curve, KeepsEveryValueUpToItsLimit) {
  Curve curve;
  for (int i = 0; i < 400; ++i) curve.add(i, i * i % 37);
  const auto points = curve.points();
  ASSERT_EQ(points.size(), 400u);
  for (int i = 0; i < 400; ++i) EXPECT_EQ(points[i].y, i * i % 37);
}

TEST(Curve, KeepsFirstLastAndExtremesOfAnyNumberOfValues) {
  for (const int count : {401, 402, 799, 1600, 1601, 12345, 100000}) {
    Curve curve;
    const int low = count / 3, high = count / 2;
    for (int i = 0; i < count; ++i) curve.add(i, i == low ? -7 : i == high ? 7 : std::sin(i));
    const auto points = curve.points();
    EXPECT_LE(points.size(), kCurvePoints) << count;
    EXPECT_GE(points.size(), kCurvePoints / 4) << count;
    const auto has = [&](double x, double y) {
      return std::any_of(points.begin(), points.end(), [&](const CurvePoint& p) { return p.x == x && p.y == y; });
    };
    EXPECT_TRUE(has(0, 0) && has(low, -7) && has(high, 7) && has(count - 1, std::sin(count - 1))) << count;
    EXPECT_TRUE(std::is_sorted(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.x < b.x; }));
  }
}

TEST(Curve, AGapSurvivesThinning) {
  Curve curve;
  for (int i = 0; i < 5000; ++i) curve.add(i, i == 2500 ? std::nan("") : 1.0 + i % 3);
  int gaps = 0;
  for (const CurvePoint& point : curve.points()) gaps += point.after_gap;
  EXPECT_EQ(gaps, 1);
  EXPECT_EQ(curve.num_missing(), 1);
  EXPECT_EQ(curve.first_missing(), 2500);
}

TEST(Html, EscapesWhatCouldEndTextOrAttribute) {
  EXPECT_EQ(escape_html("<a href=\"x\" id='y'>&amp;"), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;");
}

TEST(Html, ShowsControlCharactersAndReplacesWhatIsNotUtf8) {
  EXPECT_EQ(escape_html(std::string_view("a\0b\r\x7f\n\t", 7)), "a\u2400b\u240D\u2421\n\t");
  EXPECT_EQ(escape_html("\xff\xc0\xaf\xed\xa0\x80\xf5"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(escape_html("\u0085\uFFFE"), "\uFFFD\uFFFD");
  EXPECT_EQ(escape_html("\u202Eabc\u2066"), "[U+202E]abc[U+2066]");
  EXPECT_EQ(escape_html("\u00e9\u4e2d\U0001F600"), "\u00e9\u4e2d\U0001F600");
  EXPECT_EQ(escape_html("\xf0\x9f\x98"), "\uFFFD") << "one for a character that breaks off, as the Unicode standard has it";
}

TEST(JsonLines, GivesEveryLineAndSaysWhichIsTorn) {
  const TemporaryFolder folder;
  JsonLines lines(folder.write("a", "one\n\nthree\nfo"));
  EXPECT_EQ(lines.next()->text, "one");
  EXPECT_EQ(lines.next()->text, "");
  const auto third = lines.next();
  EXPECT_EQ(third->text, "three");
  EXPECT_EQ(third->offset, 5);
  EXPECT_FALSE(third->torn);
  const auto last = lines.next();
  EXPECT_EQ(last->text, "fo");
  EXPECT_TRUE(last->torn);
  EXPECT_FALSE(lines.next());
  lines.seek(5);
  EXPECT_EQ(lines.next()->text, "three");
}

TEST(JsonLines, ALineThatIsTooLongIsCutAndTheNextOneIsFound) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a", std::string(3'000'000, 'x') + "\nnext\n" + std::string(1'000'001, 'y'));
  JsonLines lines(path, 1000);
  const auto first = lines.next();
  EXPECT_TRUE(first->too_long);
  EXPECT_EQ(first->text, std::string(1000, 'x'));
  const auto second = lines.next();
  EXPECT_EQ(second->text, "next");
  EXPECT_EQ(second->offset, 3'000'001);
  EXPECT_FALSE(second->too_long);
  const auto third = lines.next();
  EXPECT_TRUE(third->too_long && third->torn);
  EXPECT_EQ(third->offset, 3'000'006);
  EXPECT_FALSE(lines.next());
}

TEST(JsonLines, AMissingFileHasNone) {
  JsonLines lines("/nowhere/at/all");
  EXPECT_FALSE(lines.opened());
  EXPECT_FALSE(lines.next());
}

TEST(ParseObject, TakesWhatIsNearlyJson) {
  EXPECT_TRUE(value_in(*parse_object(R"({"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \" Infinity"})"), "a").is_null());
  EXPECT_EQ(parse_object(R"({"a": NaN, "c": "NaN \" Infinity"})")->at("c"), "NaN \" Infinity");
  EXPECT_EQ(parse_object("{\"a\": \"\xff\"}")->at("a"), "\uFFFD");
  for (const char* bad : {"", "{", "[1]", "3", "{\"a\":1}x", "{\"a\":1,\"a\":2}"}) EXPECT_FALSE(parse_object(bad)) << bad;
  EXPECT_FALSE(parse_object("{\"a\":" + std::string(100'000, '[')));
}

TEST(ParseObject, NumbersBeyondAnIntegerAreNoIntegers) {
  const auto object = parse_object(R"({"a": 1e300, "b": 9223372036854775808, "c": -3.5})");
  EXPECT_EQ(number_in(*object, "a"), 1e300);
  EXPECT_FALSE(integer_in(*object, "a"));
  EXPECT_FALSE(integer_in(*object, "b"));
  EXPECT_EQ(integer_in(*object, "c"), -3);
}

TEST(RoundTicks, AreRoundAndWithin) {
  EXPECT_EQ(round_ticks(0, 1, 4), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(round_ticks(0, 120, 5), (std::vector<double>{0, 25, 50, 75, 100}));
  EXPECT_TRUE(round_ticks(1, 1, 4).empty());
  EXPECT_TRUE(round_ticks(0, std::numeric_limits<double>::infinity(), 4).empty());
  for (const auto& [low, high] : {std::pair(-1e-9, 2e-9), {1e12, 1e12 + 5}, {-1e300, 1e300}}) {
    const auto ticks = round_ticks(low, high, 4);
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.size(), 9u);
  }
}

TEST(NumbersForPeople, AreShort) {
  EXPECT_EQ(duration_text(0.04), "0.0 s");
  EXPECT_EQ(duration_text(9.97), "10 s");
  EXPECT_EQ(duration_text(245), "4 min 5 s");
  EXPECT_EQ(duration_text(7380), "2 h 3 min");
  EXPECT_EQ(count_text(999.4), "999");
  EXPECT_EQ(count_text(999.6), "1 k");
  EXPECT_EQ(count_text(223089), "223 k");
  EXPECT_EQ(value_text(0.0005530950906998022), "0.0005531");
}

TEST(FindEvaluations, TakesAnyNestingThatNamesAnAccuracy) {
  const auto names = [](const char* text) {
    std::string out;
    for (const FoundEvaluation& found : find_evaluations(parse_json(text, ""))) {
      out += found.evaluation.set + "/" + found.model + "=" + value_text(found.evaluation.values.at("accuracy")) + " ";
    }
    return out;
  };
  EXPECT_EQ(names(R"({"name":"final","sets":{"a":{"accuracy":0.5},"b":{"pass@1":0.25}}})"), "a/=0.5 b/=0.25 ");
  EXPECT_EQ(names(R"({"sets":[{"set":"a","metrics":{"eval_accuracy":0.5}}]})"), "a/=0.5 ");
  EXPECT_EQ(names(R"({"models":[{"model":"zero","sets":{"a":{"accuracy":1}}}]})"), "a/zero=1 ");
  EXPECT_EQ(names(R"([{"step":3,"accuracy":0.5}])"), "/=0.5 ");
  EXPECT_EQ(names(R"({"accuracy":"high"})"), "");
}

TEST(SampleEpisodes, TakesTheGroupWhoseRewardsDifferMost) {
  const TemporaryFolder folder;
  std::string text;
  const auto line = [&](int step, int problem, double reward, const std::string& completion) {
    text += Json({{"step", step}, {"stage", "rl"}, {"problem_id", problem}, {"reward", reward}, {"completion", completion}}).dump() + "\n";
  };
  line(4, 1, 0.5, "even");
  line(4, 1, 0.5, "even too");
  line(4, 2, 0.0, "bad");
  line(4, 2, 1.0, "good");
  line(9, 3, 0.3, "alike");
  line(9, 3, 0.3, "alike too");
  const EpisodeSamples samples = sample_episodes(folder.write("episodes.jsonl", text));
  const auto& groups = samples.of_stage.at("rl");
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].best.completion, "good");
  EXPECT_EQ(groups[0].worst->completion, "bad");
  EXPECT_EQ(groups[0].num_samples, 2);
  EXPECT_EQ(groups[0].reward_mean, 0.5);
  EXPECT_EQ(groups[1].best.completion, "alike");
  EXPECT_FALSE(groups[1].worst);
}

TEST(SampleEpisodes, KeysInAnotherOrderAreFoundAsWell) {
  const TemporaryFolder folder;
  const EpisodeSamples samples = sample_episodes(
      folder.write("episodes.jsonl", "{\"completion\": \"c\", \"stage\": \"r\\u006c\", \"step\": 2, \"reward\": null}\n{\"stage\": 3}\nx\n"));
  EXPECT_EQ(samples.of_stage.at("rl").front().best.completion, "c");
  EXPECT_EQ(samples.unreadable, 2);
}

}  // namespace
}  // namespace grpo
