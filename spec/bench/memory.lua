--- The host's memory for each idle VM.

local json = require "kavach.json"
local support = require "support"

local COUNTS <const> = { 1, 2, 4 }

-- Boots its argument's number of guests and prints what kavach and its supervisor, the two
-- processes of a host, have resident when all are idle.
local SCRIPT <const> = [[
local kavach = require "kavach"
local boxes = {}
for i = 1, %d do boxes[i] = assert(kavach.sandbox { memory_limit_mb = 128 }) end
collectgarbage() collectgarbage()

local function read(path)
  local file <close> = io.open(path)
  return file and file:read "a" or ""
end

local function resident(pid)
  local text = read("/proc/" .. pid .. "/smaps_rollup")
  return tonumber(text:match "\nRss:%%s*(%%d+)"), tonumber(text:match "\nPss:%%s*(%%d+)")
end

local rss, pss = resident "self"
for pid in read("/proc/thread-self/children"):gmatch "%%d+" do
  local its_rss, its_pss = resident(pid)
  rss, pss = rss + its_rss, pss + its_pss
end
print(rss, pss)
for _, box in ipairs(boxes) do box:close() end
]]

local function host(count)
  local argv = { support.kavach, "-e", SCRIPT:format(count) }
  local rss, pss = support.output(argv, { timeout_ms = 0 }):match "(%d+)%s+(%d+)"
  return tonumber(rss), tonumber(pss)
end

--- The line through the points, by least squares: how much y grows with each x.
local function slope(xs, ys)
  local n, sx, sy, sxx, sxy = #xs, 0, 0, 0, 0
  for i, x in ipairs(xs) do
    sx, sy, sxx, sxy = sx + x, sy + ys[i], sxx + x * x, sxy + x * ys[i]
  end
  return (n * sxy - sx * sy) / (n * sxx - sx * sx)
end

return function(runs)
  local by_rss, by_pss, first = {}, {}, {}
  for run = 1, runs do
    local rss, pss = {}, {}
    for i, count in ipairs(COUNTS) do rss[i], pss[i] = host(count) end
    by_rss[run], by_pss[run], first[run] = slope(COUNTS, rss), slope(COUNTS, pss), rss[1]
  end
  return { {
    what = ("the host for each idle VM (slope over %s VMs)"):format(json.encode(COUNTS)),
    unit = "KiB", version = support.qemu_version(), ours = by_rss, at_most = 100,
    parts = { { what = "by proportional set size", unit = "KiB", values = by_pss },
      { what = "the whole host with one VM", unit = "KiB", values = first } },
  } }
end
