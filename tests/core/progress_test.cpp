#include "core/progress.h"

#include <gtest/gtest.h>

#include <cmath>

namespace grpo {
namespace {

// A terminal, or a file, that remembers; and a clock that is set by hand.
struct Screen {
  std::string text;
  double time = 1000;

  ProgressOutput output(bool terminal, int columns = 200) {
    return {.terminal = terminal,
            .columns = columns,
            .plain_every_s = 30,
            .redraw_every_s = 0.1,
            .write = [this](const std::string& piece) { text += piece; },
            .now = [this] { return time; }};
  }
  std::string take() { return std::exchange(text, ""); }
};

TEST(Progress, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(59.4), "59s");
  EXPECT_EQ(format_duration(59.6), "1m00s");
  EXPECT_EQ(format_duration(185), "3m05s");
  EXPECT_EQ(format_duration(2 * 3600 + 7 * 60 + 59), "2h07m");
  EXPECT_EQ(format_duration(3 * 86400 + 4 * 3600), "3d04h");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::nan("")), "?");
  EXPECT_EQ(format_duration(INFINITY), "?");
}

TEST(Progress, AFileGetsAPlainLineAtMostEveryInterval) {
  Screen screen;
  Progress progress("rl", 100, 0, screen.output(false));
  for (int step = 1; step <= 4; ++step) {
    screen.time += 10;
    progress.update(step, {{"reward", 0.25}});
  }
  EXPECT_EQ(screen.take(), "rl  3/100  3%  10 s/step  16m10s left  reward 0.25\n");
  progress.finish();
  EXPECT_EQ(screen.take(), "rl  4/100  4%  10 s/step  16m00s left  reward 0.25\n");
}

TEST(Progress, ATerminalIsRedrawnInPlace) {
  Screen screen;
  Progress progress("rl", 4, 0, screen.output(true));
  EXPECT_EQ(screen.take(), "\rrl  [....................] 0/4  0%\033[K");
  screen.time += 2;
  progress.update(1);
  EXPECT_EQ(screen.take(), "\rrl  [#####...............] 1/4  25%  2 s/step  6s left\033[K");
  screen.time += 0.05;  // too soon to draw again
  progress.update(2);
  EXPECT_EQ(screen.take(), "");
  screen.time += 5.95;
  progress.update(4);
  EXPECT_EQ(screen.take(), "\rrl  [####################] 4/4  100%  2 s/step\033[K");
  progress.finish();
  EXPECT_EQ(screen.take(), "\n");
  progress.finish();
  EXPECT_EQ(screen.take(), "");
}

TEST(Progress, TheLastStateIsShownWhateverTheInterval) {
  Screen screen;
  {
    Progress progress("rl", 2, 0, screen.output(true));
    progress.update(2);
    screen.take();
  }
  EXPECT_EQ(screen.take(), "\rrl  [####################] 2/2  100%  0 s/step\033[K\n");
}

TEST(Progress, TheLineIsCutToTheTerminal) {
  Screen screen;
  const Progress progress("a very long label of a stage", 4, 0, screen.output(true, 21));
  EXPECT_EQ(screen.take(), "\ra very long label of\033[K");  // 20 of 21 columns
}

TEST(Progress, TimeLeftCountsOnlyStepsOfThisProcess) {
  Screen screen;
  Progress progress("rl", 100, 90, screen.output(false));
  screen.time += 60;
  progress.update(92);
  EXPECT_EQ(screen.take(), "rl  92/100  92%  30 s/step  4m00s left\n");
}

TEST(Progress, TimeLeftFollowsAChangeOfPace) {
  Screen screen;
  Progress progress("rl", 1000, 0, screen.output(false));
  for (int step = 1; step <= 50; ++step) {
    screen.time += 100;
    progress.update(step);
  }
  for (int step = 51; step <= 79; ++step) {
    screen.time += 1;
    progress.update(step);
  }
  screen.take();
  progress.finish();
  EXPECT_EQ(screen.take(), "rl  79/1000  7%  1 s/step  15m21s left\n");
}

TEST(Progress, AMessageStandsAboveTheBar) {
  Screen screen;
  Progress progress("rl", 4, 0, screen.output(true));
  const std::string bar = screen.take();
  progress.message("checkpoint-000100 saved");
  EXPECT_EQ(screen.take(), "\r\033[Kcheckpoint-000100 saved\n" + bar);
}

TEST(Progress, AMessageToAFileIsJustALine) {
  Screen screen;
  Progress progress("rl", 4, 0, screen.output(false));
  progress.message("checkpoint-000100 saved");
  EXPECT_EQ(screen.take(), "checkpoint-000100 saved\n");
}

TEST(Progress, NoStepsAtAllIsAllOfThem) {
  Screen screen;
  Progress progress("sft", 0, 0, screen.output(false));
  progress.update(0);
  progress.finish();
  EXPECT_EQ(screen.take(), "sft  0/0  100%\n");
}

TEST(Progress, MetricsHaveFourSignificantDigitsOrTheirWholePart) {
  Screen screen;
  Progress progress("rl", 4, 0, screen.output(false));
  progress.update(1, {{"loss", 0.00012345678}, {"len", 12345.6}, {"kl", std::nan("")}});
  progress.finish();
  EXPECT_EQ(screen.take(), "rl  1/4  25%  0 s/step  0s left  loss 0.0001235  len 12346  kl nan\n");
}

}  // namespace
}  // namespace grpo
