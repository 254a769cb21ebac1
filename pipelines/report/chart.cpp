#include "pipelines/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace grpo {
namespace {

// Of a plot, in the units of its viewBox.
constexpr double kWidth = 360, kHeight = 190;
constexpr double kLeft = 46, kRight = 10, kTop = 8, kBottom = 24;

// One axis: values to places on the page.
class Axis {
 public:
  Axis(double low, double high, double from, double to, bool logarithmic)
      : low_(value(low, logarithmic)), high_(value(high, logarithmic)), from_(from), to_(to), logarithmic_(logarithmic) {}

  double place(double v) const { return from_ + (value(v, logarithmic_) - low_) / (high_ - low_) * (to_ - from_); }
  double low() const { return logarithmic_ ? std::pow(10, low_) : low_; }
  double high() const { return logarithmic_ ? std::pow(10, high_) : high_; }
  bool logarithmic() const { return logarithmic_; }

  std::vector<double> ticks(int count) const {
    if (!logarithmic_) return round_ticks(low_, high_, count);
    std::vector<double> ticks;
    const int step = std::max(1, static_cast<int>(std::ceil((high_ - low_) / count)));
    for (int power = static_cast<int>(std::ceil(low_)); power <= high_ + 1e-9; power += step) {
      ticks.push_back(std::pow(10, power));
    }
    return ticks;
  }

 private:
  static double value(double v, bool logarithmic) { return logarithmic ? std::log10(v) : v; }
  double low_, high_, from_, to_;
  bool logarithmic_;
};

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void cover(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
};

// A little more than what is drawn, and something also where all values are one.
Axis vertical_axis(Extent y, bool band) {
  const double from = kHeight - kBottom, to = kTop;
  if (!band && y.low > 0 && y.high / y.low > 1000) {
    return Axis(y.low / 1.3, y.high * 1.3, from, to, true);
  }
  double room = (y.high - y.low) * 0.06;
  if (!(room > std::abs(y.high) * 1e-9)) room = std::max(std::abs(y.high) * 0.1, 1e-12);
  const double low = y.low >= 0 && y.low - room < 0 ? 0 : y.low - room;
  return Axis(low, y.high + room, from, to, false);
}

Axis horizontal_axis(Extent x) {
  if (x.high == x.low) return Axis(x.low - 1, x.high + 1, kLeft, kWidth - kRight, false);
  return Axis(x.low, x.high, kLeft, kWidth - kRight, false);
}

std::string path_of(const std::vector<CurvePoint>& points, const Axis& x, const Axis& y) {
  std::string path;
  for (size_t i = 0; i < points.size(); ++i) {
    path += fmt::format("{}{:.1f} {:.1f}", i == 0 || points[i].after_gap ? "M" : "L", x.place(points[i].x), y.place(points[i].y));
  }
  return path;
}

// The area between y - spread and y + spread.
std::string band_of(const std::vector<CurvePoint>& points, const Axis& x, const Axis& y) {
  std::string path;
  for (size_t i = 0; i < points.size(); ++i) {
    path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : "L", x.place(points[i].x), y.place(points[i].y + points[i].spread));
  }
  for (size_t i = points.size(); i-- > 0;) {
    path += fmt::format("L{:.1f} {:.1f}", x.place(points[i].x), y.place(points[i].y - points[i].spread));
  }
  return path + "Z";
}

std::string numbers_of(const std::vector<CurvePoint>& points, bool spreads) {
  std::string text;
  for (const CurvePoint& point : points) {
    text += fmt::format("{}{} {}", text.empty() ? "" : " ", point.x, spreads ? point.spread : point.y);
  }
  return text;
}

// "2.5e-4"
std::string short_power(double v) {
  const int power = static_cast<int>(std::floor(std::log10(std::abs(v)) + 1e-9));
  return fmt::format("{:.3g}e{}", v / std::pow(10, power), power);
}

std::string tick_text(double v, bool logarithmic) {
  if (logarithmic) return short_power(v);
  if (std::abs(v) >= 1e4) return count_text(v);
  if (v != 0 && std::abs(v) < 1e-3) return short_power(v);
  return fmt::format("{:.4g}", v);
}

std::string place_text(double v) { return fmt::format("{:.1f}", v); }

void add_axes(Html& html, const Axis& x, const Axis& y) {
  html << "<g class=\"axes\">";
  for (const double tick : y.ticks(4)) {
    const std::string at = place_text(y.place(tick));
    html << "<line x1=\"46\" x2=\"350\" y1=\"" << Text{at} << "\" y2=\"" << Text{at} << "\"/>";
    html << "<text x=\"41\" y=\"" << Text{at} << "\" dy=\"3.5\" text-anchor=\"end\">"
         << Text{tick_text(tick, y.logarithmic())} << "</text>";
  }
  for (const double tick : x.ticks(5)) {
    if (tick != std::round(tick)) continue;
    const double at = x.place(tick);
    html << "<text x=\"" << Text{place_text(at)} << "\" y=\"184\" text-anchor=\""
         << Text{at > kWidth - 24 ? "end" : "middle"} << "\">" << Text{tick_text(tick, false)} << "</text>";
  }
  html << "</g>";
}

Html colour_class(const char* kind, size_t index) {
  Html name;
  name << Text{kind} << Text{std::to_string(index % (kChartColours + 1) + 1)};
  return name;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  const double span = high - low;
  if (!(span > 0) || !std::isfinite(span) || count < 1) return {};
  const double raw = span / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= raw * 0.999) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  for (double n = std::ceil(low / step - 1e-9); n * step <= high + span * 1e-9 && ticks.size() < 64; ++n) {
    ticks.push_back(n == 0 ? 0.0 : n * step);
  }
  return ticks;
}

std::string duration_text(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(std::min(seconds, 1e12)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 48 * 3600) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{:.1f} days", static_cast<double>(whole) / 86400);
}

std::string count_text(double count) {
  static constexpr const char* kUnits[] = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  double shown = count;
  while (std::abs(shown) >= 999.5 && unit < 4) {
    shown /= 1000;
    ++unit;
  }
  return fmt::format("{:.3g}{}", shown, kUnits[unit]);
}

std::string value_text(double value) {
  if (value == std::round(value) && std::abs(value) < 1e6) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

Html chart_html(const Chart& chart) {
  Extent x, y;
  bool band = false;
  std::vector<std::vector<CurvePoint>> points;
  for (size_t s = 0; s < std::min(chart.series.size(), kChartColours); ++s) {
    points.push_back(chart.series[s].curve->points());
    for (const CurvePoint& point : points.back()) {
      x.cover(point.x);
      y.cover(point.y - point.spread);
      y.cover(point.y + point.spread);
      band = band || point.spread > 0;
    }
  }
  Html html;
  if (!(x.low <= x.high)) return html;
  const Axis across = horizontal_axis(x), up = vertical_axis(y, band);
  html << "<figure class=\"chart\"><figcaption><b>" << Text{chart.title} << "</b><span class=\"keys\">";
  for (size_t s = 0; s < points.size(); ++s) {
    const Curve& curve = *chart.series[s].curve;
    if (curve.empty()) continue;
    html << "<span class=\"" << colour_class("key k", s) << "\">" << Text{chart.series[s].label} << " <b>"
         << Text{value_text(curve.last())} << "</b></span>";
  }
  html << "</span></figcaption><svg viewBox=\"0 0 360 190\" role=\"img\" aria-label=\"" << Text{chart.title} << "\" data-x=\""
       << across.low() << " " << across.high() << "\">";
  add_axes(html, across, up);
  for (size_t s = points.size(); s-- > 0;) {
    if (points[s].empty()) continue;
    const bool spread = std::any_of(points[s].begin(), points[s].end(), [](const CurvePoint& p) { return p.spread > 0; });
    if (spread) html << "<path class=\"" << colour_class("band f", s) << "\" d=\"" << Text{band_of(points[s], across, up)} << "\"/>";
    html << "<path class=\"" << colour_class("line s", s) << "\" data-metric=\"" << Text{chart.series[s].metric}
         << "\" data-label=\"" << Text{chart.series[s].label} << "\" data-points=\"" << Text{numbers_of(points[s], false)} << "\"";
    if (spread) html << " data-spreads=\"" << Text{numbers_of(points[s], true)} << "\"";
    html << " d=\"" << Text{path_of(points[s], across, up)} << "\"/>";
    if (points[s].size() > 16) continue;
    for (const CurvePoint& point : points[s]) {
      html << "<circle class=\"" << colour_class("dot f", s) << "\" r=\"2.4\" cx=\"" << Text{place_text(across.place(point.x))}
           << "\" cy=\"" << Text{place_text(up.place(point.y))} << "\"/>";
    }
  }
  html << "</svg>";
  if (!chart.note.empty() || up.logarithmic()) {
    html << "<p class=\"note\">" << Text{chart.note};
    if (up.logarithmic()) html << Text{chart.note.empty() ? "logarithmic axis" : "; logarithmic axis"};
    html << "</p>";
  }
  html << "</figure>";
  return html;
}

Html sparkline_html(const Curve& curve) {
  Html html;
  const std::vector<CurvePoint> all = curve.points();
  if (all.size() < 2) return html;
  std::vector<CurvePoint> points;
  // A curve of a curve would keep 400 points again: every n-th, and the last.
  const size_t stride = (all.size() + 78) / 79;
  for (size_t i = 0; i < all.size(); i += stride) points.push_back(all[i]);
  if ((all.size() - 1) % stride != 0) points.push_back(all.back());
  Extent x, y;
  for (const CurvePoint& point : points) {
    x.cover(point.x);
    y.cover(point.y);
  }
  if (y.low == y.high) {
    y.low -= 1;
    y.high += 1;
  }
  if (x.low == x.high) x.high += 1;
  const Axis across(x.low, x.high, 1, 99, false), up(y.low, y.high, 19, 1, false);
  html << "<svg class=\"spark\" viewBox=\"0 0 100 20\" aria-hidden=\"true\"><path class=\"line s1\" d=\""
       << Text{path_of(points, across, up)} << "\"/></svg>";
  return html;
}

Html bar_html(const std::vector<BarPart>& parts, double scale) {
  Html html;
  html << "<svg class=\"bar\" viewBox=\"0 0 300 14\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"share of time\">";
  double at = 0;
  for (const BarPart& part : parts) {
    if (!(part.value > 0) || !(scale > 0)) continue;
    const double width = part.value / scale * 300;
    html << "<rect class=\"" << colour_class("f", part.colour) << "\" y=\"0\" height=\"14\" x=\""
         << Text{fmt::format("{:.2f}", at)} << "\" width=\"" << Text{fmt::format("{:.2f}", width)} << "\"><title>"
         << Text{part.label} << " " << Text{duration_text(part.value)} << "</title></rect>";
    at += width;
  }
  html << "</svg>";
  return html;
}

}  // namespace grpo
