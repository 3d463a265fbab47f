--- How numbers, times and outcomes of a batch are said to people.

local M = {}

local SECOND <const>, MINUTE <const>, HOUR <const>, DAY <const> = 1000, 60000, 3600000, 86400000

--- "4 512"
---@param n integer
---@return string
function M.count(n)
  local text = ("%d"):format(n)
  return (text:reverse():gsub("(%d%d%d)", "%1 "):reverse():gsub("^ ", ""))
end

local function two(ms, large, large_unit, small, small_unit)
  return ("%d%s %02d%s"):format(ms // large, large_unit, ms % large // small, small_unit)
end

--- How long something took: "0.3 s", "2m 10s", "3h 05m".
---@param ms number
---@return string
function M.duration(ms)
  if ms < MINUTE - 50 then return ("%.1f s"):format(ms / SECOND) end
  ms = (ms + 500) // 1 | 0
  if ms < HOUR then return two(ms, MINUTE, "m", SECOND, "s") end
  if ms < DAY then return two(ms, HOUR, "h", MINUTE, "m") end
  return two(ms, DAY, "d", HOUR, "h")
end

-- What is to come is not known to the second: { up to, rounded to }.
local STEPS <const> = {
  { MINUTE, 5 * SECOND }, { 10 * MINUTE, 10 * SECOND }, { HOUR, MINUTE }, { DAY, 10 * MINUTE },
  { math.huge, HOUR },
}

--- How long something will take, about: "25s", "2m 10s", "45m", "3h 10m".
---@param ms number
---@return string
function M.estimate(ms)
  for _, step in ipairs(STEPS) do
    if ms < step[1] then
      ms = math.max(math.floor(ms / step[2] + 0.5), 1) * step[2]
      break
    end
  end
  if ms > 100 * DAY then return "months" end
  if ms < MINUTE then return ("%ds"):format(ms // SECOND) end
  if ms < HOUR then
    return (two(ms, MINUTE, "m", SECOND, "s"):gsub(" 00s$", ""))
  end
  if ms < DAY then return (two(ms, HOUR, "h", MINUTE, "m"):gsub(" 00m$", "")) end
  return (two(ms, DAY, "d", HOUR, "h"):gsub(" 00h$", ""))
end

--- "128/s", "4.2/s", "12/min", "3.0/h"
---@param per_second number
---@return string
function M.rate(per_second)
  local number, unit = per_second, "s"
  if number < 0.95 then number, unit = number * 60, "min" end
  if number < 0.95 then number, unit = number * 60, "h" end
  return (number < 9.95 and "%.1f/%s" or "%.0f/%s"):format(number, unit)
end

--- Why an attempt did not succeed: what was told of it, or what its result shows.
---@param reason? string
---@param result? table the record of an attempt
---@return string
function M.reason(reason, result)
  if reason and reason ~= "" then return reason end
  result = result or {}
  if result.timed_out then return "its time was up" end
  if result.oom_killed then return "out of memory" end
  if (result.signal or 0) > 0 then return "killed by signal " .. result.signal end
  if result.exit_code then return "exit code " .. result.exit_code end
  return "it could not be run"
end

--- How many of the jobs have come to their end.
---@param counts table
---@return integer
function M.ended(counts)
  return (counts.done or 0) + (counts.failed or 0) + (counts.skipped or 0)
    + (counts.cancelled or 0)
end

--- "9 988 done, 12 failed, 3 skipped": what there is of each.
---@param counts table
---@param number? fun(n: integer): string
---@return string
function M.tally(counts, number)
  number = number or M.count
  local parts = { number(counts.done or 0) .. " done" }
  for _, state in ipairs { "failed", "skipped", "cancelled" } do
    if (counts[state] or 0) > 0 then parts[#parts + 1] = number(counts[state]) .. " " .. state end
  end
  local left = (counts.waiting or 0) + (counts.running or 0) + (counts.retry or 0)
  if left > 0 then parts[#parts + 1] = number(left) .. " left" end
  return table.concat(parts, ", ")
end

--- What can be done now that a batch has ended so, as a command; nil if nothing is to be done.
---@param name string
---@param counts table
---@return string?
function M.next_step(name, counts)
  if (counts.waiting or 0) + (counts.running or 0) + (counts.retry or 0) > 0 then
    return "kavach batch resume " .. name
  end
  local wrong = (counts.failed or 0) + (counts.skipped or 0) + (counts.cancelled or 0)
  return wrong > 0 and ("kavach batch resume %s --failed"):format(name) or nil
end

-- What an ending is called that the counts do not show already.
local ENDINGS <const> = {
  halted = "halted", error = "an error", journal = "the journal could not be written",
}

--- The summary of a run, and which sign it has.
---@param name string
---@param finished table the event
---@return string text
---@return "done"|"failed"|"trouble" sign
function M.summary(name, finished, number)
  local counts, ending = finished.counts or {}, finished.ending
  local text = ("%s: %s in %s"):format(name, M.tally(counts, number),
    M.duration(finished.duration_ms or 0))
  ending = ending and (ENDINGS[ending] or ending:match "^signal %d+$")
  if ending then text = ("%s (%s)"):format(text, ending) end
  if M.ended(counts) > (counts.done or 0) then return text, "failed" end
  if ending or M.next_step(name, counts) then return text, "trouble" end
  return text, "done"
end

-- ---- the ends of outputs -----------------------------------------------------------------------

local TAIL <const> = 4096

--- Where an output's file is: a relative path begins in the batch's folder.
---@param output { path: string }
---@param folder? string
---@return string
function M.path_of(output, folder)
  local path = output.path
  return folder and path:sub(1, 1) ~= "/" and folder .. "/" .. path or path
end

-- The end of a captured output, `{ text | path }`: it may begin within a line.
local function tail_of(output, folder)
  if output.text then return output.text:sub(-TAIL), #output.text > TAIL end
  local file <close> = output.path and io.open(M.path_of(output, folder), "rb")
  if not file then return "", false end
  local size = file:seek "end" or 0
  file:seek("set", math.max(size - TAIL, 0))
  return file:read(TAIL) or "", size > TAIL
end

--- The last lines of a captured output that are not empty, oldest first, as they came.
---@param output? { text: string?, path: string? }
---@param most integer
---@param folder? string that a relative path begins in
---@return string[]
function M.last_lines(output, most, folder)
  local lines = {}
  if not output then return lines end
  local text, cut = tail_of(output, folder)
  -- the line that it begins within is left out, unless it is the only one
  if cut then text = text:match "\n(.+)" or text:gsub("^[\x80-\xbf]+", "") end
  for line in text:gmatch "[^\n]+" do
    if line:find "%S" then lines[#lines + 1] = line end
  end
  return table.move(lines, math.max(#lines - most + 1, 1), #lines, 1, {})
end

return M
