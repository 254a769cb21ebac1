#pragma once
// Charts as inline SVG: curves over steps with axes, bands and their numbers, which the page's script shows under the
// pointer. Without the script they are still whole.

#include <cstdint>
#include <string>
#include <vector>

#include "pipelines/report/curve.h"
#include "pipelines/report/html.h"

namespace grpo {

struct ChartSeries {
  std::string label;
  std::string metric;  // its name in metrics.jsonl
  const Curve* curve = nullptr;
};

struct Chart {
  std::string title;
  std::string note;  // what a band is, or what the values are; may be empty
  std::vector<ChartSeries> series;  // at most kChartColours are drawn
};

constexpr size_t kChartColours = 7;  // for curves; bars have an eighth, a grey one

// <figure class="chart"> with a title, the last values, and the plot: per series a <path> whose data-metric names it and
// whose data-points holds its points, "x y x y ...", with the digits of the file. Values that span more than three
// decades and are all positive stand on a logarithmic axis.
Html chart_html(const Chart& chart);

// A curve as large as a word, of at most 80 points.
Html sparkline_html(const Curve& curve);

// One part of a whole, drawn as a piece of a bar in the colour of its place.
struct BarPart {
  std::string label;
  double value = 0;
  size_t colour = 0;
};
// A bar whose length is `sum of parts / scale` of the whole width.
Html bar_html(const std::vector<BarPart>& parts, double scale);

// About `count` round numbers that lie within [low, high].
std::vector<double> round_ticks(double low, double high, int count);

// "12.3 s", "4 min 5 s", "2 h 3 min", "1.5 d" and so on.
std::string duration_text(double seconds);
// "950", "12.3 k", "4.56 M".
std::string count_text(double count);
// Four significant digits, and no exponent where it can be read without.
std::string value_text(double value);

}  // namespace grpo
