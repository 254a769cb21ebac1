#pragma once
// What the page does beside standing there: the numbers of a chart under the pointer. They come from the charts'
// attributes and go into text nodes, never into markup.

namespace grpo {

inline constexpr char kPageScript[] = R"js(
"use strict";
(() => {
  const NS = "http://www.w3.org/2000/svg", LEFT = 46, RIGHT = 350, WIDTH = 360;
  const pairs = text => {
    const numbers = text.split(" ").map(Number), out = [];
    for (let i = 0; i + 1 < numbers.length; i += 2) out.push([numbers[i], numbers[i + 1]]);
    return out;
  };
  const nearest = (points, x) => {
    let low = 0, high = points.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < x) low = middle; else high = middle;
    }
    return Math.abs(points[low][0] - x) <= Math.abs(points[high][0] - x) ? low : high;
  };
  const shown = value => Number(value.toPrecision(6)).toString();
  for (const chart of document.querySelectorAll(".chart")) {
    const svg = chart.querySelector("svg");
    let series = null, tip = null, cursor = null;
    const show = event => {
      if (!series) {
        series = [...svg.querySelectorAll("path[data-points]")].reverse().map(path => ({
          label: path.dataset.label, points: pairs(path.dataset.points),
          spreads: path.dataset.spreads ? pairs(path.dataset.spreads) : null}));
        tip = document.createElement("div");
        cursor = document.createElementNS(NS, "line");
        cursor.setAttribute("class", "cursor");
        cursor.setAttribute("y1", "8");
        cursor.setAttribute("y2", "166");
      }
      const box = svg.getBoundingClientRect();
      const [low, high] = svg.dataset.x.split(" ").map(Number);
      const at = (event.clientX - box.left) / box.width * WIDTH;
      const x = low + (at - LEFT) / (RIGHT - LEFT) * (high - low);
      let step = null;
      for (const one of series) {
        const found = one.points[nearest(one.points, x)][0];
        if (step === null || Math.abs(found - x) < Math.abs(step - x)) step = found;
      }
      const lines = ["step " + step];
      for (const one of series) {
        const index = nearest(one.points, step);
        if (one.points[index][0] !== step) continue;
        const spread = one.spreads ? one.spreads[index][1] : 0;
        lines.push(one.label + "  " + shown(one.points[index][1]) + (spread > 0 ? " \u00b1 " + shown(spread) : ""));
      }
      tip.textContent = lines.join("\n");
      tip.className = "tip " + (at > WIDTH / 2 ? "tip-left" : "tip-right");
      const place = String(LEFT + (step - low) / (high - low) * (RIGHT - LEFT));
      cursor.setAttribute("x1", place);
      cursor.setAttribute("x2", place);
      svg.append(cursor);
      chart.append(tip);
    };
    const hide = () => {
      if (tip) tip.remove();
      if (cursor) cursor.remove();
    };
    svg.addEventListener("pointermove", show);
    svg.addEventListener("pointerdown", show);
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointercancel", hide);
  }
})();
)js";

}  // namespace grpo
