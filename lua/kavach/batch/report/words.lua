--- How reports say durations, times, and how something ended.

local M = {}

local NS <const>, NS_OF_MS <const> = 1000000000, 1000000
local SECOND_MS <const>, MINUTE_MS <const>, HOUR_MS <const> = 1000, 60000, 3600000
local DAY_MS <const> = 24 * HOUR_MS

--- "40 ms", "3.2 s", "12 min 4 s", "3 h 5 min", "2 d 4 h".
---@param ms number
---@return string
function M.duration(ms)
  ms = math.max(0, ms)
  if ms < SECOND_MS then return ("%.0f ms"):format(math.min(ms, 999)) end
  if ms < 99950 then return ("%.1f s"):format(ms / SECOND_MS) end
  local whole = math.floor(ms)
  if whole < HOUR_MS then
    return ("%d min %d s"):format(whole // MINUTE_MS, whole % MINUTE_MS // SECOND_MS)
  elseif whole < DAY_MS then
    return ("%d h %d min"):format(whole // HOUR_MS, whole % HOUR_MS // MINUTE_MS)
  end
  return ("%d d %d h"):format(whole // DAY_MS, whole % DAY_MS // HOUR_MS)
end

--- "2026-11-29 15:34:24 UTC"
---@param ns integer since 1970
---@return string
function M.time(ns) return os.date("!%Y-%m-%d %H:%M:%S UTC", ns // NS) end

--- The same for programs, with milliseconds: "2026-11-29T15:34:24.123Z".
---@param ns integer? since 1970
---@return string?
function M.iso(ns)
  return ns and os.date("!%Y-%m-%dT%H:%M:%S", ns // NS) .. (".%03dZ"):format(ns % NS // NS_OF_MS)
end

--- "1 job", "12 345 jobs"
---@param count integer
---@param one? string
---@param many? string one with an s
---@return string
function M.count(count, one, many)
  local digits = ("%d"):format(count):reverse():gsub("%d%d%d", "%0 "):reverse()
    :gsub("^ ", ""):gsub(" ", "\u{2009}") -- a thin space
  if not one then return digits end
  return digits .. " " .. (count == 1 and one or many or one .. "s")
end

--- At most so many bytes of a text: its beginning and its end. Ids of the same kind differ there.
---@param text string
---@param most integer
---@return string
function M.shortened(text, most)
  if #text <= most then return text end
  local head = most * 2 // 3
  local first, last = head, #text - (most - head) + 1
  while first > 0 and (text:byte(first + 1) or 0) & 0xc0 == 0x80 do first = first - 1 end
  while last <= #text and text:byte(last) & 0xc0 == 0x80 do last = last + 1 end
  return text:sub(1, first) .. "…" .. text:sub(last)
end

-- ---- endings -----------------------------------------------------------------------------------

local SIGNALS <const> = {
  [1] = "SIGHUP", [2] = "SIGINT", [3] = "SIGQUIT", [4] = "SIGILL", [6] = "SIGABRT", [7] = "SIGBUS",
  [8] = "SIGFPE", [9] = "SIGKILL", [11] = "SIGSEGV", [13] = "SIGPIPE", [14] = "SIGALRM",
  [15] = "SIGTERM", [24] = "SIGXCPU", [25] = "SIGXFSZ",
}

--- Why an attempt did not succeed, from its result, where nothing better was said.
---@param attempt table?
---@return string?
function M.reason(attempt)
  if not attempt then return nil end
  if attempt.reason and attempt.reason ~= "" then return attempt.reason end
  if attempt.timed_out then
    return attempt.duration_ms and "its time was up after " .. M.duration(attempt.duration_ms)
      or "its time was up"
  end
  if attempt.oom_killed then return "out of memory" end
  if (attempt.signal or 0) > 0 then
    local name = SIGNALS[attempt.signal]
    return ("killed by signal %d%s"):format(attempt.signal, name and " (" .. name .. ")" or "")
  end
  return attempt.exit_code and ("exit code %d"):format(attempt.exit_code)
end

return M
