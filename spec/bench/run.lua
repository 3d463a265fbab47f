--- The benchmarks: kavach beside what it is compared with, in turn on the same machine.
---
---   build/kavach spec/bench/run.lua [NAME…] [--runs N] [--json]
---
--- The build is to be configured with -DKAVACH_BENCH=ON. Each NAME.lua beside this file returns a
--- function that takes the number of runs and returns lines: `what`, `peer`, `version` (of the
--- peer), `unit`, `ours` and `theirs` (one number for each run; no `theirs` where there is no
--- peer), `at_most` or `at_least` (of the ratio ours / theirs, or of ours), and `parts`, which
--- explain it. The ratio that counts is that of the medians; that of the pairs stands beside it,
--- for machines whose speed drifts.

local here = arg[0]:match "^(.*)/[^/]*$" or "."
package.path = here .. "/?.lua;" .. package.path

local argparse = require "argparse"
local json = require "kavach.json"
local support = require "support"

local NAMES <const> = {
  "run_true", "clone", "exec", "startup", "processes", "stream", "files", "memory", "argv",
  "measure", "report", "verify", "verify_process", "policy", "batch", "prompt",
}
local RUNS <const> = 10

-- ---- from a line to a figure -------------------------------------------------------------------

local function ratios_of(line)
  local ratios = {}
  for i, value in ipairs(line.ours) do ratios[i] = value / line.theirs[i] end
  return ratios
end

local function judge(line, value)
  if line.at_most then return value <= line.at_most end
  if line.at_least then return value >= line.at_least end
end

local function figure(name, line)
  local result = {
    name = name, what = line.what, peer = line.peer, version = line.version, unit = line.unit,
    ours = support.summary(line.ours), at_most = line.at_most, at_least = line.at_least, parts = {},
  }
  local value = result.ours.median
  if line.theirs then
    result.theirs = support.summary(line.theirs)
    result.ratio = result.ours.median / result.theirs.median
    result.pair_ratio = support.median(ratios_of(line))
    value = result.ratio
  end
  result.reached = judge(line, value)
  for i, part in ipairs(line.parts or {}) do
    result.parts[i] = { what = part.what, unit = part.unit, values = support.summary(part.values) }
  end
  return result
end

-- ---- printing ----------------------------------------------------------------------------------

local function number(value)
  local digits = value >= 100 and 0 or value >= 10 and 1 or 3
  return ("%." .. digits .. "f"):format(value)
end

local function show(what, summary, unit)
  print(("   %-62s %9s %-6s (%s–%s, n=%d)"):format(what, number(summary.median), unit,
    number(summary.min), number(summary.max), summary.n))
end

local function print_verdict(result)
  local parts = {}
  if result.ratio then
    parts[1] = ("ratio of medians %.3f, median of ratios %.3f"):format(result.ratio,
      result.pair_ratio)
  end
  if result.reached ~= nil then
    local limit = result.at_most or result.at_least
    parts[#parts + 1] = ("target %s %s%s: %s"):format(result.at_most and "≤" or "≥",
      number(limit), result.ratio and "" or " " .. result.unit,
      result.reached and "reached" or "MISSED")
  end
  print("   " .. table.concat(parts, "; "))
end

local function print_figure(result)
  print(result.name)
  show(result.what, result.ours, result.unit)
  if result.theirs then show(result.peer, result.theirs, result.unit) end
  for _, part in ipairs(result.parts) do show("   " .. part.what, part.values, part.unit) end
  print_verdict(result)
  print("   with " .. result.version)
end

-- ---- all of them -------------------------------------------------------------------------------

local function read_arguments()
  local parser = argparse("spec/bench/run.lua", "Compare kavach with what there is.")
  parser:argument("name", "Which: " .. table.concat(NAMES, ", ") .. "."):args "*"
    :choices(NAMES)
  parser:option("--runs", "How often each side is run."):default(tostring(RUNS))
    :convert(math.tointeger)
  parser:flag("--json", "Print one JSON document.")
  return parser:parse(arg)
end

local args = read_arguments()
local figures = {}
for _, name in ipairs(#args.name > 0 and args.name or NAMES) do
  for _, line in ipairs(require(name)(args.runs)) do
    local result = figure(name, line)
    figures[#figures + 1] = result
    if not args.json then print_figure(result) end
  end
end
if args.json then
  local version = support.version_of(support.kavach, "--version")
  print((assert(json.encode { version = 1, kavach = version, figures = figures })))
end
