--- The timeline of a batch, as a part of an HTML document: an SVG of the bars that is as wide as
--- there is room (only its horizontal axis is stretched), with its labels beside it as text, so
--- that they stay readable on a phone.

local axis_of = require "kavach.batch.report.axis"
local lanes_of = require "kavach.batch.report.lanes"
local words = require "kavach.batch.report.words"
local xml = require "kavach.xml"

local M = {}

local WIDTH <const> = axis_of.WIDTH
local NS_OF_MS <const> = 1000000
local STATES <const> = { "done", "cancelled", "running", "interrupted", "failed" }
-- So many bars, the widest, tell what they are if one points at them.
local TITLED <const> = 300
-- From this width on there is room for a line between a bar and the next.
local PARTED <const> = 6
local LABEL_HEIGHT <const> = 15
local NAMED_RUNS <const> = 8
-- Up to so many lanes: how high each is, and what is between two.
local HEIGHTS <const> = { { 8, 22, 5 }, { 16, 16, 4 }, { 40, 9, 3 }, { 100, 5, 1 }, { 256, 3, 0 } }

local function number(n)
  local text = ("%.1f"):format(n)
  return (text:gsub("%.0$", ""))
end

local function height_of(count)
  for _, each in ipairs(HEIGHTS) do
    if count <= each[1] then return each[2], each[3] end
  end
end

-- ---- the picture -------------------------------------------------------------------------------

local PATTERNS <const> = [[
<defs>
<pattern id="p-failed" width="7" height="7" patternUnits="userSpaceOnUse">
<rect class="f failed" width="7" height="7"/>
<path class="h" d="M-2 9L9-2M-2 2L2-2M5 9L9 5"/></pattern>
<pattern id="p-interrupted" width="7" height="7" patternUnits="userSpaceOnUse">
<rect class="f interrupted" width="7" height="7"/><path class="h" d="M0 0L7 7M7 0L0 7"/></pattern>
<pattern id="p-cancelled" width="6" height="4" patternUnits="userSpaceOnUse">
<rect class="f cancelled" width="6" height="4"/><path class="h" d="M0 2H6"/></pattern>
<pattern id="p-running" width="6" height="6" patternUnits="userSpaceOnUse">
<rect class="f running" width="6" height="6"/><path class="h" d="M3 0V6"/></pattern>
</defs>
]]

local function title_of(bar)
  local attempt = bar.attempt
  local from, to = attempt.started_ns, attempt.ended_ns
  local ms = attempt.duration_ms or to and (to - from) / NS_OF_MS
  return ("%s: %s%s%s"):format(words.shortened(attempt.id, 120), attempt.state,
    attempt.number > 1 and (", attempt %d"):format(attempt.number) or "",
    ms and ", " .. words.duration(ms) or "")
end

-- Marks the widest bars, which are drawn one by one.
local function choose_titled(lanes)
  local single = {}
  for _, lane in ipairs(lanes) do
    for _, bar in ipairs(lane.bars) do
      if bar.attempt then single[#single + 1] = bar end
    end
  end
  table.sort(single, function(a, b)
    if a.width ~= b.width then return a.width > b.width end
    return a.attempt.seq < b.attempt.seq
  end)
  for i = 1, math.min(#single, TITLED) do single[i].titled = true end
end

local function draw_bars(lanes, high, pitch, out)
  local paths = {}
  for _, state in ipairs(STATES) do paths[state] = {} end
  choose_titled(lanes)
  local titled = {}
  for i, lane in ipairs(lanes) do
    local y = (i - 1) * pitch
    for _, bar in ipairs(lane.bars) do
      if bar.titled then
        titled[#titled + 1] = ('<rect class="b %s%s" x="%s" y="%d" width="%s" height="%d"><title>%s'
          .. "</title></rect>\n"):format(bar.state, bar.width >= PARTED and " one" or "",
          number(bar.x), y, number(bar.width), high, xml.escape(title_of(bar)))
      else
        local path = paths[bar.state]
        path[#path + 1] = ("M%s %dh%sv%dh-%sz"):format(number(bar.x), y, number(bar.width), high,
          number(bar.width))
      end
    end
  end
  for _, state in ipairs(STATES) do
    if #paths[state] > 0 then
      out[#out + 1] = ('<path class="b %s" d="%s"/>\n'):format(state,
        table.concat(paths[state]))
    end
  end
  table.move(titled, 1, #titled, #out + 1, out)
end

local function draw_runs(axis, high, out)
  for i, span in ipairs(axis.spans) do
    local after = axis.spans[i + 1]
    local last = span.x + span.width
    if after then
      local ms = math.max(0, (after.run.began - span.run.ended) / NS_OF_MS)
      out[#out + 1] = ('<rect class="gap" x="%s" width="%s" height="%d"><title>nobody at work for '
        .. "%s</title></rect>\n"):format(number(last), number(axis.gap), high, words.duration(ms))
    end
    if span.run.state == "died" then
      out[#out + 1] = ('<path class="died" d="M%s 0V%d"/>\n'):format(number(last), high)
    end
  end
end

local function description(facts, lanes)
  local parts = {}
  for _, state in ipairs { "done", "failed", "cancelled", "interrupted", "running" } do
    local count = facts.by_state[state]
    if count then parts[#parts + 1] = ("%d %s"):format(count, state) end
  end
  return ("%s, one lane each; the time goes from left to right, %s in all. %s: %s. Failures and "
    .. "the slowest jobs are listed as text below."):format(words.count(#lanes, "slot"),
    words.duration(facts.wall_ms), words.count(facts.attempts, "attempt"),
    table.concat(parts, ", "))
end

local function picture(facts, lanes, axis, high, gap)
  local pitch, out = high + gap, {}
  local whole = #lanes * pitch - gap
  out[#out + 1] = ('<svg viewBox="0 0 %d %d" height="%d" preserveAspectRatio="none" role="img" '
    .. 'aria-labelledby="tl-title tl-desc">\n<title id="tl-title">Attempts over time</title>\n'
    .. '<desc id="tl-desc">%s</desc>\n%s'):format(WIDTH, whole, whole,
    xml.escape(description(facts, lanes)), PATTERNS)
  local stripes = {}
  for i = 1, #lanes do
    stripes[i] = ("M0 %dh%dv%dh-%dz"):format((i - 1) * pitch, WIDTH, high, WIDTH)
  end
  out[#out + 1] = ('<path class="lane" d="%s"/>\n'):format(table.concat(stripes))
  for _, tick in ipairs(axis:ticks()) do
    out[#out + 1] = ('<path class="grid" d="M%s 0V%d"/>\n'):format(number(tick.x), whole)
  end
  draw_bars(lanes, high, pitch, out)
  draw_runs(axis, whole, out)
  out[#out + 1] = "</svg>\n"
  return table.concat(out)
end

-- ---- what stands beside it ---------------------------------------------------------------------

local function percent(x) return ("%.2f%%"):format(x / WIDTH * 100) end

local function slot_labels(facts, count, high, gap)
  local pitch, out = high + gap, {}
  local each = 1
  while each * pitch < LABEL_HEIGHT do each = each == 1 and 2 or each == 2 and 5 or each * 2 end
  for i = 1, count do
    if i == 1 and each == 1 or i % each == 0 then
      local slot = facts.slots > count and i * facts.slots // count or i
      out[#out + 1] = ('<span style="top:%dpx">%d</span>'):format(
        (i - 1) * pitch + high // 2, slot)
    end
  end
  return table.concat(out)
end

local function tick_labels(axis)
  local out = {}
  for _, tick in ipairs(axis:ticks()) do
    local class = tick.x < 20 and ' class="first"' or tick.x > WIDTH - 40 and ' class="last"' or ""
    out[#out + 1] = ('<span%s style="left:%s">%s</span>'):format(class, percent(tick.x), tick.text)
  end
  return table.concat(out)
end

local function run_labels(axis)
  local first = axis.spans[1]
  if #axis.spans > NAMED_RUNS or #axis.spans == 1 and first.run.state ~= "died" then return "" end
  local out = {}
  for _, span in ipairs(axis.spans) do
    out[#out + 1] = ('<span style="left:%s;width:%s">Run %d%s</span>'):format(percent(span.x),
      percent(span.width), span.run.epoch, span.run.state == "died"
        and ' <b class="failed">died</b>' or "")
  end
  return '<div class="run-labels" aria-hidden="true">' .. table.concat(out) .. "</div>"
end

local function legend(facts)
  local out = {}
  for _, state in ipairs { "done", "failed", "interrupted", "cancelled", "running" } do
    local count = facts.by_state[state]
    if count then
      out[#out + 1] = ('<li><i class="swatch %s"></i>%s <span>%s</span></li>'):format(state, state,
        words.count(count))
    end
  end
  return '<ul class="legend">' .. table.concat(out) .. "</ul>"
end

--- The timeline; "" if nothing has been started.
---@param r table a reader of a journal
---@param facts table of facts.gather
---@return string
function M.html(r, facts)
  local axis = axis_of.new(facts.runs)
  local lanes = lanes_of.of(r, facts, axis)
  if facts.attempts == 0 or axis.total == 0 then return "" end
  local high, gap = height_of(#lanes)
  local runs = run_labels(axis)
  return ('<figure class="timeline">\n<div class="plot%s"><div class="slots" aria-hidden="true">%s'
    .. '</div><div class="bars">%s%s<div class="ticks" aria-hidden="true">%s</div></div></div>\n'
    .. "<figcaption>%s</figcaption>\n</figure>\n"):format(
    runs ~= "" and " with-runs" or "", slot_labels(facts, #lanes, high, gap), runs,
    picture(facts, lanes, axis, high, gap), tick_labels(axis), legend(facts))
end

return M
