// What the page of a run says, against the files of the run.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <filesystem>
#include <regex>
#include <sstream>

#include "core/file.h"
#include "pipelines/report/eval_table.h"
#include "pipelines/report/json_lines.h"
#include "pipelines/report/report.h"
#include "policy/io/unicode.h"
#include "tests/pipelines/report/written_run.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

constexpr int64_t kLater = int64_t{1} << 40;  // a time at which every run has long stopped

std::string page_of(const WrittenRun& run, int64_t now = kLater) { return report_page(read_run(run.path(), now), now); }

// The attribute of the n-th element whose tag matches.
std::string attribute_of(const std::string& page, const std::string& tag, const std::string& name, size_t n = 0) {
  const std::regex pattern(tag);
  std::sregex_iterator found(page.begin(), page.end(), pattern), end;
  for (; found != end && n > 0; --n) ++found;
  if (found == end) return "";
  const std::string text = found->str();
  const size_t at = text.find(" " + name + "=\"");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 3;
  return text.substr(begin, text.find('"', begin) - begin);
}

std::vector<std::pair<double, double>> points_of(const std::string& page, const std::string& metric) {
  std::istringstream text(attribute_of(page, "<path[^>]* data-metric=\"" + metric + "\"[^>]*>", "data-points"));
  std::vector<std::pair<double, double>> points;
  for (double x, y; text >> x >> y;) points.emplace_back(x, y);
  return points;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

TEST(ReportPage, CurvesHoldTheNumbersOfTheFileToTheLastDigit) {
  const WrittenRun run;
  write_rl_run(run, 75);
  const auto points = points_of(page_of(run), "reward");
  ASSERT_EQ(points.size(), 75u);
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(points[i].first, static_cast<double>(i + 1));
    EXPECT_EQ(points[i].second, reward_at(static_cast<int64_t>(i + 1)));
  }
}

TEST(ReportPage, LongCurvesAreThinnedAndKeepTheirExtremes) {
  const WrittenRun run;
  write_rl_run(run, 5000);
  const auto points = points_of(page_of(run), "reward");
  EXPECT_LE(points.size(), kCurvePoints);
  EXPECT_GE(points.size(), kCurvePoints / 4);
  for (const auto& [x, y] : points) EXPECT_EQ(y, reward_at(std::lround(x))) << x;
  EXPECT_TRUE(std::find(points.begin(), points.end(), std::pair(137.0, 9.75)) != points.end());
  EXPECT_TRUE(std::find(points.begin(), points.end(), std::pair(401.0, -3.5)) != points.end());
  EXPECT_EQ(points.front().first, 1.0);
  EXPECT_EQ(points.back().first, 5000.0);
}

TEST(ReportPage, TimeAndTokensAreTheSumsOfTheSteps) {
  const WrittenRun run;
  write_rl_run(run, 8);
  const std::string page = page_of(run);
  EXPECT_EQ(attribute_of(page, "<td data-part=\"generate\"[^>]*>", "data-value"), "2");
  EXPECT_EQ(attribute_of(page, "<td data-part=\"train\"[^>]*>", "data-value"), "4");
  const RunRecord record = read_run(run.path(), kLater);
  EXPECT_EQ(record.stages[0].seconds, 6.0);  // not the one second of the process that finished it
  EXPECT_EQ(record.tokens, 8000.0);
}

TEST(ReportPage, EvaluationsStandUnderTheModelTheyAreOf) {
  const WrittenRun run;
  write_rl_run(run, 8);
  const std::string page = page_of(run);
  const std::string row = "<tr data-metric=\"accuracy\">.*?</tr>";
  std::smatch found;
  ASSERT_TRUE(std::regex_search(page, found, std::regex(row)));
  const std::string cells = found.str();
  EXPECT_EQ(attribute_of(cells, "<td data[^>]*>", "data-value", 0), "0.125");
  EXPECT_EQ(attribute_of(cells, "<td data[^>]*>", "data-error", 0), "0.0421");
  EXPECT_EQ(attribute_of(cells, "<td data[^>]*>", "data-value", 1), "0.625");
  EXPECT_TRUE(holds(cells, "<b>0.625</b>"));
  EXPECT_TRUE(holds(page, "<th title=\"base\">base</th><th title=\"rl\">rl</th>"));
  EXPECT_TRUE(holds(page, "held_out.jsonl"));
}

TEST(ReportPage, AWholePipelineHasItsTableItsArrowsAndItsStages) {
  const WrittenRun run;
  write_r1_run(run);
  const RunRecord record = read_run(run.path(), kLater);
  EXPECT_EQ(record.state, RunState::kFinished);
  ASSERT_EQ(record.stages.size(), 12u);
  EXPECT_EQ(record.stages[2].from, "base");
  EXPECT_EQ(record.stages[3].from, "cold_start");
  EXPECT_EQ(record.stages[9].from, "student base");
  const EvalTable table = make_eval_table(record);
  EXPECT_EQ(table.columns, (std::vector<std::string>{"base", "student base", "zero", "cold_start", "reasoning", "second_sft", "all",
                                                     "student_traces", "student_on_policy", "student_rl"}));
  ASSERT_EQ(table.sets.size(), 3u);
  EXPECT_EQ(table.sets[0].name, "chain (operators 8, split eval)");
  EXPECT_EQ(table.sets[0].rows[1].label, "pass@4");
  EXPECT_EQ(table.sets[1].name, "chain_12");
  EXPECT_EQ(table.sets[1].protocol, "200 problems, 16 samples each, temperature 0.6, top_p 0.95, at most 96 tokens");
  EXPECT_EQ(table.sets[1].rows[0].cells.at(6).value, 0.8125);
  EXPECT_EQ(table.sets[1].rows[0].cells.at(4).value, 0.75);
  std::vector<std::string> rows;
  for (const EvalRow& row : table.sets[1].rows) rows.push_back(row.label);
  EXPECT_EQ(rows, (std::vector<std::string>{"accuracy", "pass@4", "pass@16", "cons@16", "mean length, tokens"}));
  const std::string page = page_of(run);
  EXPECT_EQ(count_of(page, "<section class=\"panel stage\""), 12u);
  for (const char* arrow : {"class=\"start\" data-from=\"base\" data-to=\"cold_start\"", "class=\"need\" data-from=\"collect\" data-to=\"cold_start\"",
                            "class=\"need\" data-from=\"helpful\" data-to=\"all\"", "class=\"need\" data-from=\"all\" data-to=\"student_on_policy\"",
                            "class=\"start\" data-from=\"all\" data-to=\"final\"", "class=\"need\" data-from=\"reasoning\" data-to=\"final\""}) {
    EXPECT_TRUE(holds(page, arrow));
  }
  EXPECT_EQ(points_of(page, "divergence").size(), 100u);
  EXPECT_TRUE(holds(page, "dropped.language"));
}

TEST(ReportPage, ARewardModelIsNoCheckpointOfThePolicy) {
  const WrittenRun run;
  write_r1_run(run);
  const EvalTable table = make_eval_table(read_run(run.path(), kLater));
  EXPECT_EQ(std::count(table.columns.begin(), table.columns.end(), "helpful"), 0);
}

TEST(ReportPage, WhatModelsWroteIsTextAndNothingElse) {
  const WrittenRun run;
  write_r1_run(run);
  run.metrics({{"step", 99999}, {"stage", "\"><script>window.hacked=3</script>"}, {"<img src=x>", 2.0}, {"loss", 1.0}});
  run.metrics({{"step", 100000}, {"stage", "\"><script>window.hacked=3</script>"}, {"<img src=x>", 3.0}, {"loss", 2.0}});
  const std::string page = page_of(run);
  EXPECT_EQ(count_of(page, "<script"), 1u);
  EXPECT_EQ(count_of(page, "</script"), 1u);
  EXPECT_EQ(count_of(page, "<img"), 0u);
  EXPECT_EQ(count_of(page, "<!--"), 0u);
  EXPECT_TRUE(holds(page, "&lt;script&gt;window.hacked=1&lt;/script&gt;"));
  EXPECT_TRUE(holds(page, "[U+202E] reversed"));
  EXPECT_TRUE(holds(page, "\xE2\x90\x81\xE2\x90\x9B[31m"));
  EXPECT_TRUE(holds(page, "another &lt;b&gt;answer&lt;/b&gt;"));
  EXPECT_EQ(replace_invalid_utf8(page), page);
  for (const char c : page) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') << static_cast<int>(c);
}

TEST(ReportPage, NoAttributeRunsOrStylesAnything) {
  const WrittenRun run;
  write_r1_run(run);
  const std::string page = page_of(run);
  EXPECT_FALSE(std::regex_search(page, std::regex("<[a-z][^>]* (on[a-z]+|style|src)=")));
  EXPECT_FALSE(std::regex_search(page, std::regex("href=\"(?!#|data:,)")));
  EXPECT_TRUE(holds(page, "default-src 'none'"));
}

TEST(ReportPage, HalfWrittenLastLinesAreLeftOut) {
  const WrittenRun run;
  write_rl_run(run, 10);
  run.metrics_line("{\"step\": 11, \"stage\": \"rl\", \"rew");
  run.episodes_line("{\"step\":1,\"stage\":\"rl\",\"problem_id\":1,\"completion\":\"whole\",\"reward\":1}\n{\"step\":2,\"stage\":\"rl\",\"compl");
  const std::string page = page_of(run);
  EXPECT_EQ(points_of(page, "reward").size(), 10u);
  EXPECT_TRUE(holds(page, "the last line of metrics.jsonl is half written"));
  EXPECT_TRUE(holds(page, "the last line of episodes.jsonl is half written"));
  EXPECT_TRUE(holds(page, "whole"));
}

TEST(ReportPage, LinesThatAreNoLinesAreCounted) {
  const WrittenRun run;
  write_rl_run(run, 10);
  run.metrics_line("not json\n[1,2]\n{\"step\": 3}\n\n");
  EXPECT_TRUE(holds(page_of(run), "3 of metrics.jsonl&#39;s lines cannot be read"));
}

TEST(ReportPage, WhatIsNotFiniteIsAGapAndIsSaid) {
  const WrittenRun run;
  run.recipe({{"name", "gaps"}, {"stage", "rl"}});
  for (int step = 1; step <= 9; ++step) {
    const char* loss = step == 4 ? "null" : step == 5 ? "NaN" : step == 6 ? "-Infinity" : "0.5";
    run.metrics_line("{\"step\":" + std::to_string(step) + ",\"stage\":\"rl\",\"stage_step\":" + std::to_string(step) + ",\"loss\":" + loss + "}\n");
  }
  const std::string page = page_of(run);
  EXPECT_EQ(points_of(page, "loss").size(), 6u);
  EXPECT_EQ(count_of(attribute_of(page, "<path[^>]* data-metric=\"loss\"[^>]*>", "d"), "M"), 2u);
  EXPECT_TRUE(holds(page, "loss was not a finite number in 3 of 9 steps, first in step 4"));
}

// Metrics of steps 1 to 6; the alarm holds in steps 4 and 6.
void write_alarmed(const WrittenRun& run) {
  run.recipe({{"name", "hacked"}, {"stages", {{{"name", "all"}, {"stage", "rl"}, {"max_steps", 6}}}}});
  for (int step = 1; step <= 6; ++step) {
    Json line = {{"step", step}, {"stage", "all"}, {"stage_step", step}, {"reward", 0.1 * step}};
    if (step % 2 == 0) line["alarm/reward_hacking"] = step == 2 ? 0 : 1;
    run.metrics(line);
  }
}

TEST(ReportPage, AnAlarmStandsAtItsStageWhileItRunsAndWhenItIsFinished) {
  const WrittenRun run;
  write_alarmed(run);
  EXPECT_TRUE(holds(page_of(run), "<li class=\"alarm\">Alarm in step 4: the reward of a model rose while accuracy fell."));
  run.write("stages/01-all/model/manifest.json",
            Json{{"info", {{"name", "all"}, {"stage", "rl"}, {"steps", 6},
                           {"alarms", {{{"alarm", "reward_hacking"}, {"step", 4}, {"reward", "<taste>"}, {"reward_mean", 0.93}, {"reward_at_best", 0.82},
                                        {"accuracy", 0.5}, {"best_accuracy", 0.61}, {"best_step", 2}}}}}}}.dump());
  const std::string page = page_of(run);
  EXPECT_TRUE(holds(page, "<li class=\"alarm\">Alarm in step 4: the reward &lt;taste&gt; rose from 0.82 to 0.93 while accuracy fell from 0.61 "
                          "(step 2) to 0.5."));
  EXPECT_EQ(count_of(page, "<li class=\"alarm\">"), 1u);
  EXPECT_EQ(count_of(page, "alarm/reward_hacking rose"), 0u);
}

TEST(ReportPage, WithoutAnAlarmNothingIsSaidOfOne) {
  const WrittenRun run;
  run.recipe({{"name", "calm"}, {"stages", {{{"name", "all"}, {"stage", "rl"}}}}});
  run.metrics({{"step", 1}, {"stage", "all"}, {"stage_step", 1}, {"reward", 0.1}, {"alarm/reward_hacking", 0}});
  EXPECT_EQ(count_of(page_of(run), "class=\"alarm\""), 0u);
  for (const Json& alarms : {Json::array(), Json(3), Json{3}, Json{{{"step", "x"}}}}) {
    run.write("stages/01-all/model/manifest.json", Json{{"info", {{"name", "all"}, {"stage", "rl"}, {"alarms", alarms}}}}.dump());
    EXPECT_EQ(count_of(page_of(run), "class=\"alarm\""), 0u) << alarms;
  }
}

TEST(ReportPage, AStageOfAnUnknownTypeIsShownWithWhatItHas) {
  const WrittenRun run;
  run.recipe({{"name", "odd"}, {"stages", {{{"name", "dreams"}, {"stage", "daydream"}, {"max_steps", 5}}}}});
  for (int step = 1; step <= 5; ++step) {
    run.metrics({{"step", step}, {"stage", "dreams"}, {"stage_step", step}, {"vividness", step * 0.5}, {"step_time", 1.0}});
  }
  run.write("stages/01-dreams/manifest.json", R"({"name":"dreams","stage":"daydream","from":"base","steps":5,"counts":{"sheep":41}})");
  const std::string page = page_of(run);
  EXPECT_EQ(points_of(page, "vividness").size(), 5u);
  EXPECT_TRUE(holds(page, "daydream"));
  EXPECT_TRUE(holds(page, "counts.sheep</td><td class=\"left\">41"));
}

TEST(ReportPage, TellsARunningRunFromOneThatStopped) {
  const WrittenRun run;
  run.recipe({{"name", "r"}, {"stages", {{{"name", "a"}, {"stage", "sft"}}, {{"name", "b"}, {"stage", "rl"}}, {{"name", "c"}, {"stage", "rl"}}}}});
  run.write("stages/01-a/model/manifest.json", R"({"format":1,"info":{"name":"a","stage":"sft","from":"base","steps":1,"seconds":3.5},"files":[]})");
  run.metrics({{"step", 1}, {"stage", "a"}, {"loss", 1}});
  run.metrics({{"step", 2}, {"stage", "b"}, {"loss", 1}, {"step_time", 100.0}});
  const RunRecord first = read_run(run.path(), 0);
  const int64_t written = *first.last_written;
  const auto states = [&](int64_t now) {
    std::string text;
    const RunRecord record = read_run(run.path(), now);
    for (const StageRecord& stage : record.stages) text += std::string(run_state_name(stage.state)) + " ";
    return text + run_state_name(record.state);
  };
  EXPECT_EQ(states(written + 499), "finished running waiting running");
  EXPECT_EQ(states(written + 501), "finished stopped waiting stopped");
}

TEST(ReportPage, AFolderWithoutARunIsAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  EXPECT_TRUE(holds(error_text([&] { write_report(folder.path(), folder.file("page.html")); }), folder.path()));
  EXPECT_FALSE(std::filesystem::exists(folder.file("page.html")));
}

TEST(ReportPage, ARunThatHasOnlyBegunHasAPage) {
  const WrittenRun run;
  run.recipe({{"name", "new"}, {"stages", {{{"name", "a"}, {"stage", "sft"}}}}});
  EXPECT_TRUE(holds(page_of(run), "<section class=\"panel stage\" id=\"stage-1\""));
  const WrittenRun broken;
  broken.write("recipe.json", "{\"name\": ");
  EXPECT_TRUE(holds(page_of(broken), "recipe.json is missing or cannot be read"));
}

TEST(ReportPage, AStageThatAsksAServerStartsFromItsTeacher) {
  const WrittenRun run;
  run.recipe({{"name", "new"},
              {"stages", {{{"name", "a"}, {"stage", "sft"}}, {{"name", "b"}, {"stage", "reject"}, {"endpoint", {{"model", "big teacher"}}}}}}});
  EXPECT_TRUE(holds(page_of(run), "data-from=\"big teacher\" data-to=\"b\""));
}

TEST(ReportPage, NamesOfVerlAreReadAsTheirOwn) {
  const WrittenRun run;
  run.recipe({{"name", "verl"}, {"stage", "rl"}});
  for (int step = 1; step <= 3; ++step) {
    run.metrics({{"step", step}, {"stage", "rl"}, {"stage_step", step}, {"critic/score/mean", 0.25 * step}, {"timing_s/gen", 2.0}, {"timing_s/step", 3.0}});
  }
  EXPECT_EQ(points_of(page_of(run), "reward").size(), 3u);
  EXPECT_EQ(read_run(run.path(), kLater).stages[0].metrics.seconds_of.at("generate"), 6.0);
}

// Every byte of a run's files may be anything.
TEST(ReportPage, BrokenFilesMakeAPageAllTheSame) {
  const WrittenRun run;
  write_rl_run(run, 6);
  for (int step = 1; step <= 3; ++step) {
    for (int sample = 0; sample < 2; ++sample) {
      run.episodes_line(Json({{"step", step}, {"stage", "rl"}, {"problem_id", 1}, {"completion", "a < b"}, {"reward", sample}}).dump() + "\n");
    }
  }
  uint64_t state = 1;
  const auto random = [&](uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  const std::vector<std::string> pieces = {"\"", "{", "}", "[", ",", ":", "\\", "\n", "1e999", "-1e300", "9223372036854775808", "null", "NaN", "\xff", std::string(1, '\0')};
  for (const char* name : {"recipe.json", "metrics.jsonl", "episodes.jsonl", "summary.json"}) {
    const std::string whole = read_file(run.file(name));
    for (int trial = 0; trial < 100; ++trial) {
      std::string text = whole;
      for (uint64_t change = 0; change <= random(4); ++change) {
        const std::string& piece = pieces[random(pieces.size())];
        text.replace(random(text.size()), random(12), piece);
      }
      std::filesystem::remove(run.file(name));
      run.write(name, text);
      const std::string page = page_of(run);
      EXPECT_EQ(count_of(page, "<script"), 1u);
      EXPECT_EQ(count_of(page, "=\"nan"), 0u) << name << ": " << text;
      EXPECT_EQ(replace_invalid_utf8(page), page);
    }
    std::filesystem::remove(run.file(name));
    run.write(name, whole);
  }
}

// Peak memory of this process, in bytes.
int64_t peak_bytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * int64_t{1024};
}

TEST(ReportPage, AFileOfEpisodesIsNeverInMemoryWhole) {
  const WrittenRun run;
  run.recipe({{"name", "large"}, {"stage", "rl"}});
  const std::string text(100'000, 'y');
  constexpr int kLines = 1500;  // 150 MB
  {
    std::ofstream file(run.file("episodes.jsonl"), std::ios::binary);
    for (int i = 0; i < kLines; ++i) {
      file << "{\"step\":" << i / 10 << ",\"stage\":\"rl\",\"problem_id\":" << i / 5 << ",\"completion\":\"" << text << "\",\"reward\":" << i % 5 << "}\n";
    }
  }
  const int64_t before = peak_bytes();
  const RunRecord record = read_run(run.path(), kLater);
  EXPECT_LT(peak_bytes() - before, 40'000'000);
  ASSERT_EQ(record.stages[0].samples.size(), 3u);
  EXPECT_EQ(record.stages[0].samples[1].line, 75);
  EXPECT_EQ(record.stages[0].samples[2].line, 149);
  EXPECT_EQ(record.stages[0].samples[2].best.reward, 4.0);
  EXPECT_EQ(record.stages[0].samples[2].worst->reward, 0.0);
  EXPECT_LT(report_page(record, kLater).size(), 400'000u);
}

}  // namespace
}  // namespace grpo
