#pragma once
// How the page looks: light and dark by the reader's choice, one column on a phone, plain on paper. No style attributes
// anywhere, so that the page's policy can allow this sheet by its hash and nothing else.

namespace grpo {

inline constexpr char kPageStyle[] = R"css(
:root{color-scheme:light dark;--bg:#f6f6f3;--panel:#fff;--ink:#1c1f24;--soft:#5d646e;--line:#e2e3de;--wash:#f0f1ec;
--c1:#2566c8;--c2:#c8590b;--c3:#17845a;--c4:#7b4fc0;--c5:#c43a4f;--c6:#0f7f90;--c7:#94700a;--c8:#a5a9b0;--good:#17845a;--warn:#a85b00}
@media (prefers-color-scheme:dark){:root{--bg:#14161a;--panel:#1c1f25;--ink:#e7e9ec;--soft:#9aa2ad;--line:#30353d;--wash:#23272e;
--c1:#6aa5ff;--c2:#ff9a52;--c3:#4fc795;--c4:#b695f5;--c5:#ff8090;--c6:#4dc4d6;--c7:#dcb74a;--c8:#6c737d;--good:#4fc795;--warn:#f0a94d}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:28px;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 12px}
h3{font-size:17px;margin:0;overflow-wrap:anywhere}
h4{font-size:14px;margin:22px 0 8px}
p{margin:6px 0}
a{color:var(--c1);text-decoration:none}
a:hover{text-decoration:underline}
.soft,.note{color:var(--soft)}
.note{font-size:12.5px;margin:4px 0 0}
.lead{color:var(--soft);margin:6px 0 0;max-width:75ch;overflow-wrap:anywhere}
.state{display:inline-block;font-size:12px;font-weight:600;border-radius:99px;padding:1px 10px;border:1px solid currentColor;vertical-align:middle;white-space:nowrap}
.finished{color:var(--good)}.running{color:var(--c1)}.stopped{color:var(--warn)}.waiting{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:20px 0 0}
.tile{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:12px 14px;min-width:0}
.tile b{display:block;font-size:21px;line-height:1.25;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tile span{color:var(--soft);font-size:12.5px;overflow-wrap:anywhere}
.panel{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:16px 18px;min-width:0}
.scroll{overflow-x:auto;max-width:100%}
.notices{margin:14px 0 0;padding:10px 14px 10px 32px;border:1px solid var(--warn);border-radius:10px;background:var(--panel);font-size:14px;overflow-wrap:anywhere}
.notices .alarm{font-weight:600;color:var(--warn)}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:6px 12px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left;padding-left:0}
td:last-child,th:last-child{padding-right:0}
thead th{font-weight:600;border-bottom:1.5px solid var(--soft);vertical-align:bottom}
tbody tr:last-child td{border-bottom:0}
.wide{width:100%}
.set th{text-align:left;padding-top:16px;white-space:normal;border-bottom:1px solid var(--line)}
.set small{font-weight:400;color:var(--soft)}
.evals td:first-child{color:var(--soft)}
.evals thead th{max-width:170px;overflow:hidden;text-overflow:ellipsis}
.set span{position:sticky;left:0;display:inline-block;max-width:calc(100vw - 64px)}
.evals td:first-child,.evals thead th:first-child,.costs td:first-child,.costs th:first-child{position:sticky;left:0;background:var(--panel);z-index:1}
.err{color:var(--soft);font-size:12px;font-weight:400}
.total td{border-top:1.5px solid var(--soft);font-weight:600}
.costs th,.costs td{padding-left:8px;padding-right:8px}
.costs th:first-child,.costs td:first-child{padding-left:0}
.left{text-align:left}
.graph{display:block}
.graph text{fill:var(--ink);font-size:13px}
.graph .small{fill:var(--soft);font-size:11.5px}
.graph .name{font-weight:650}
.graph .num{font-weight:650;fill:var(--c1)}
.graph rect{fill:var(--panel);stroke:var(--soft);stroke-width:1.2}
.graph .box-running{stroke:var(--c1);stroke-width:2}
.graph .box-stopped{stroke:var(--warn);stroke-width:2}
.graph .box-waiting,.graph .box-base{stroke-dasharray:4 3}
.graph .box-base{fill:none}
.graph path{fill:none;stroke:var(--soft);stroke-width:1.5}
.graph .need{stroke:var(--c4);stroke-dasharray:4 3}
.graph .need-text{fill:var(--c4);font-size:11.5px}
.graph marker path{fill:var(--soft);stroke:none}
.graph .need-head path{fill:var(--c4)}
.stage{margin:0 0 18px}
.stage-head{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:baseline}
.facts{display:flex;flex-wrap:wrap;gap:6px 26px;margin:10px 0 0;padding:0;font-size:14px}
.facts div{min-width:0}
.facts dt{color:var(--soft);font-size:12px}
.facts dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(300px,100%),1fr));gap:20px 26px;margin:18px 0 6px}
.chart{margin:0;position:relative;min-width:0}
.chart figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 12px;font-size:13px;padding:0 0 4px}
.chart svg{display:block;width:100%;height:auto;touch-action:pan-y}
.keys{display:flex;flex-wrap:wrap;gap:0 12px;min-width:0}
.key{overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.key::before{content:"";display:inline-block;width:10px;height:3px;border-radius:2px;margin-right:5px;vertical-align:middle;background:currentColor}
.key b{color:var(--ink)}
.axes line{stroke:var(--line);stroke-width:1}
.axes text{fill:var(--soft);font-size:11px}
.line{fill:none;stroke-width:1.7;stroke-linejoin:round;stroke-linecap:round}
.band{opacity:.17}
.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}.s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}.s8{stroke:var(--c8)}
.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)}.f5{fill:var(--c5)}.f6{fill:var(--c6)}.f7{fill:var(--c7)}.f8{fill:var(--c8)}
.k1{color:var(--c1)}.k2{color:var(--c2)}.k3{color:var(--c3)}.k4{color:var(--c4)}.k5{color:var(--c5)}.k6{color:var(--c6)}.k7{color:var(--c7)}.k8{color:var(--c8)}
.cursor{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 2}
.tip{position:absolute;top:30px;z-index:2;pointer-events:none;background:var(--panel);border:1px solid var(--line);border-radius:7px;padding:5px 9px;font-size:12px;line-height:1.4;box-shadow:0 3px 12px #0003;white-space:pre;font-variant-numeric:tabular-nums;max-width:100%;overflow:hidden}
.tip-left{left:46px}.tip-right{right:10px}
.bar{width:150px;height:14px;display:block;border-radius:3px}
.spark{width:100px;height:20px;display:block}
.dot-key{display:inline-block;margin:8px 16px 0 0;font-size:12.5px;color:var(--soft)}
.dot-key svg{width:10px;height:10px;margin-right:5px}
details{margin:12px 0 0;min-width:0}
summary{cursor:pointer;color:var(--soft);font-size:14px}
summary:hover{color:var(--ink)}
details[open]>summary{margin-bottom:8px}
pre{margin:6px 0;padding:10px 12px;background:var(--wash);border-radius:8px;font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate}
bdi{overflow-wrap:anywhere}
.samples{display:grid;gap:14px}
.sample{border:1px solid var(--line);border-radius:9px;padding:12px 14px;min-width:0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(320px,100%),1fr));gap:14px;margin-top:8px}
.pair>div{min-width:0}
.tag{font-size:12.5px;color:var(--soft)}
.tag b{color:var(--ink)}
.best b:first-child{color:var(--good)}
.worst b:first-child{color:var(--c5)}
.scores{font-size:12.5px;margin-top:4px;width:100%}
.scores td{padding:2px 10px 2px 0;border:0;white-space:normal;vertical-align:top}
.scores td:first-child{white-space:nowrap}
.scores td:last-child{text-align:left;color:var(--soft);width:99%;overflow-wrap:anywhere}
footer{margin-top:40px;color:var(--soft);font-size:12.5px;overflow-wrap:anywhere}
@media (max-width:560px){main{padding:18px 12px 40px}.panel{padding:12px}h1{font-size:23px}.tiles{grid-template-columns:1fr 1fr}th,td{padding:5px 8px}.tile b{font-size:18px}}
@media print{:root{--bg:#fff;--panel:#fff;--ink:#000;--soft:#444;--line:#ccc;--wash:#f4f4f4;--c1:#2566c8;--c2:#c8590b;--c3:#17845a;--c4:#7b4fc0;--c5:#c43a4f;--c6:#0f7f90;--c7:#94700a;--c8:#a5a9b0;--good:#17845a;--warn:#a85b00}
body{font-size:11pt}main{max-width:none;padding:0}.scroll{overflow:visible}.graph{max-width:100%;height:auto}.chart,.tile,.sample,tr{break-inside:avoid}h2,h3,h4{break-after:avoid}.charts{grid-template-columns:1fr 1fr 1fr;gap:12px}.panel{border:0;padding:0}table{font-size:9pt}th,td{padding:3px 6px}.bar{width:110px}}
)css";

}  // namespace grpo
