--- How the HTML report looks. No colour says anything alone: what is not done is hatched as well,
--- each state in its own way. Text has a contrast of 4.5:1 or more on its ground, in both schemes.

return [[
:root{color-scheme:light dark;
--bg:#fcfcfa;--panel:#f3f4f1;--line:#d8dcd6;--fg:#1b2126;--soft:#56616b;--lane:#eceeea;
--done:#2f7d6b;--failed:#b3261e;--interrupted:#9a5b00;--cancelled:#6a7480;--skipped:#6a7480;
--running:#2a67b1;--waiting:#c3c9c4;--hatch:#fcfcfacc;--shade:#1b212630}
@media (prefers-color-scheme:dark){:root{
--bg:#14181b;--panel:#1d2327;--line:#343c42;--fg:#e4e8ea;--soft:#a2adb5;--lane:#20272b;
--done:#58b39c;--failed:#ff8a7f;--interrupted:#eeb04f;--cancelled:#97a2ac;--skipped:#97a2ac;
--running:#7fb2ee;--waiting:#4a545b;--hatch:#14181bcc;--shade:#000a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:70rem;padding:2.5rem clamp(1rem,4vw,3rem) 4rem;background:var(--bg);
color:var(--fg);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
overflow-wrap:anywhere}
h1,h2,h3{line-height:1.2;text-wrap:balance;margin:0}
h1{font-size:clamp(1.7rem,5vw,2.4rem);font-weight:650;letter-spacing:-.015em}
h2{font-size:1.2rem;font-weight:620;margin-bottom:.9rem}
h3{font:600 .95rem/1.4 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
p{margin:0}a{color:inherit}
section{margin-top:3rem}
.over{color:var(--soft);font-size:.9rem;margin-bottom:.35rem}
.outcome{font-size:1.1rem;margin-top:.6rem;display:flex;gap:.55rem;align-items:baseline}
.mark{font-weight:700}
.mark.done,b.done,td .done{color:var(--done)}
.mark.failed,b.failed,td .failed{color:var(--failed)}
.mark.unfinished,td .interrupted{color:var(--interrupted)}
.mark.running,td .running{color:var(--running)}
.note,.meta,figcaption{color:var(--soft);font-size:.9rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));gap:1.4rem 1.5rem;
margin:1.8rem 0 0}
.facts div{border-top:2px solid var(--line);padding-top:.5rem}
.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;font-size:1.45rem;font-weight:600;line-height:1.3;letter-spacing:-.01em;
font-variant-numeric:tabular-nums;white-space:nowrap}
.facts small{display:block;font-size:.8rem;font-weight:400;color:var(--soft);letter-spacing:0;
white-space:normal}
.share{display:flex;gap:2px;height:.85rem;margin-top:2rem;border-radius:3px;overflow:hidden}
.share i{min-width:3px}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;list-style:none;margin:.7rem 0 0;padding:0;
font-size:.9rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.legend span{color:var(--soft);font-variant-numeric:tabular-nums}
.swatch{width:1.1rem;height:.75rem;border-radius:2px;flex:none}
i.done{background:var(--done)}
i.failed{background:repeating-linear-gradient(135deg,var(--hatch) 0 1.2px,transparent 1.2px 5px),
var(--failed)}
i.interrupted{background:repeating-linear-gradient(45deg,var(--hatch) 0 1px,transparent 1px 5px),
repeating-linear-gradient(135deg,var(--hatch) 0 1px,transparent 1px 5px),var(--interrupted)}
i.skipped{background:radial-gradient(var(--hatch) 1px,transparent 1.3px) 0 0/4px 4px,var(--skipped)}
i.cancelled{background:repeating-linear-gradient(0deg,var(--hatch) 0 1px,
transparent 1px 4px),var(--cancelled)}
i.running,i.retry{background:repeating-linear-gradient(90deg,var(--hatch) 0 1px,
transparent 1px 6px),var(--running)}
i.waiting{background:var(--waiting)}
.timeline{margin:0}
.plot{display:flex;gap:.5rem}
.slots{position:relative;flex:none;width:1.9em;font-size:.75rem;color:var(--soft)}
.slots span{position:absolute;right:0;transform:translateY(-50%);line-height:1;
font-variant-numeric:tabular-nums}
.with-runs .slots{margin-top:1.5rem}
.bars{flex:1;min-width:0}
.bars svg{display:block;width:100%}
.run-labels,.ticks{position:relative;height:1.5rem;font-size:.75rem;color:var(--soft)}
.run-labels span{position:absolute;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.ticks span{position:absolute;top:.35rem;transform:translateX(-50%);white-space:nowrap;
font-variant-numeric:tabular-nums}
.ticks .first{transform:none}
.ticks .last{transform:translateX(-100%)}
.lane{fill:var(--lane)}
.grid,.died{fill:none;stroke:var(--line);vector-effect:non-scaling-stroke}
.died{stroke:var(--failed);stroke-width:2;stroke-dasharray:4 3}
.gap{fill:var(--bg)}
.one{stroke:var(--bg);stroke-width:.75;vector-effect:non-scaling-stroke}
.b.done,.f.done{fill:var(--done)}
.b.failed{fill:url(#p-failed)}.b.interrupted{fill:url(#p-interrupted)}
.b.cancelled{fill:url(#p-cancelled)}.b.running{fill:url(#p-running)}
.f.failed{fill:var(--failed)}.f.interrupted{fill:var(--interrupted)}
.f.cancelled{fill:var(--cancelled)}.f.running{fill:var(--running)}
.h{fill:none;stroke:var(--hatch);stroke-width:1.2}
.failure{margin-top:1.6rem}
.failure .meta{margin-top:.15rem}
pre{margin:.6rem 0 0;padding:.75rem .9rem;background:var(--panel);
border-left:3px solid var(--failed);border-radius:0 4px 4px 0;overflow-x:auto;overflow-wrap:normal;
font:.82rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;tab-size:4}
.box{overflow-x:auto;overflow-wrap:normal;background:
linear-gradient(90deg,var(--bg) 40%,transparent) 0 0/2.5rem 100% no-repeat local,
linear-gradient(270deg,var(--bg) 40%,transparent) 100% 0/2.5rem 100% no-repeat local,
linear-gradient(90deg,var(--shade),transparent) 0 0/.8rem 100% no-repeat scroll,
linear-gradient(270deg,var(--shade),transparent) 100% 0/.8rem 100% no-repeat scroll}
pre:focus-visible,.box:focus-visible{outline:2px solid var(--running);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.45rem 1.1rem .45rem 0;border-bottom:1px solid var(--line);
vertical-align:top;white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:500;font-size:.85rem}
tbody th{font-weight:500;white-space:normal;min-width:9rem;overflow-wrap:anywhere}
td.wide{white-space:normal;min-width:11rem;overflow-wrap:anywhere}
.num{text-align:right}
.bar{display:block;width:7rem;height:.55rem;margin-top:.45em;background:var(--lane);
border-radius:2px}
.bar i{display:block;height:100%;border-radius:2px;min-width:1px}
footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);
font-size:.85rem}
footer dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0 0 .9rem}
footer dd{margin:0}
@media (max-width:34rem){body{padding-top:1.5rem}section{margin-top:2.3rem}
.facts{grid-template-columns:repeat(2,1fr);gap:1rem}.facts dd{font-size:1.25rem}
.roomy{display:none}
footer dl{grid-template-columns:1fr}footer dd{margin-bottom:.4rem}}
@media print{@page{margin:16mm}
:root{--bg:#fff;--panel:#f4f4f2;--line:#c9cec8;--fg:#000;--soft:#4a535b;--lane:#efefec;
--done:#2f7d6b;--failed:#b3261e;--interrupted:#9a5b00;--cancelled:#6a7480;--skipped:#6a7480;
--running:#2a67b1;--waiting:#c3c9c4;--hatch:#ffffffcc}
body{max-width:none;padding:0;font-size:9.5pt}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
section{margin-top:1.6rem}h2,h3,.meta{break-after:avoid}
figure,tr,.facts,.legend{break-inside:avoid}
.facts{grid-template-columns:repeat(3,1fr)}.facts dd{font-size:13pt}.box{background:none}
pre{white-space:pre-wrap;overflow-wrap:anywhere;overflow:visible}.box{overflow:visible}
thead{display:table-header-group}}
]]
