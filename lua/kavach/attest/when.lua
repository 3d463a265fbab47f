--- Times as text: RFC 3339 (section 5.6), and seconds since 1970.

local M = {}

local FORM <const> = "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(%.?%d*)([Zz+-])(.*)$"
local DAYS <const> = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
local DIGITS_MAX <const> = 15

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Days from 1970-01-01, of the Gregorian calendar.
local function days_before(year, month, day)
  local last = year - 1
  local days = 365 * last + last // 4 - last // 100 + last // 400 - 719162
  for m = 1, month - 1 do days = days + DAYS[m] end
  if month > 2 and is_leap(year) then days = days + 1 end
  return days + day - 1
end

-- Seconds that a zone is ahead of UTC, or nil.
local function offset(sign, rest)
  if sign == "Z" or sign == "z" then return rest == "" and 0 or nil end
  local hours, minutes = rest:match "^(%d%d):(%d%d)$"
  hours, minutes = math.tointeger(hours), math.tointeger(minutes)
  if not hours or hours > 23 or minutes > 59 then return nil end
  return (sign == "-" and -1 or 1) * (hours * 3600 + minutes * 60)
end

local function date_time(text)
  local year, month, day, hour, minute, second, fraction, sign, rest = text:match(FORM)
  if not year or fraction == "." or fraction:find "^%d" then return nil end
  year, month, day = math.tointeger(year), math.tointeger(month), math.tointeger(day)
  hour, minute, second = math.tointeger(hour), math.tointeger(minute), math.tointeger(second)
  local zone = offset(sign, rest)
  if not zone or month < 1 or month > 12 or day < 1 then return nil end
  if day > DAYS[month] and not (month == 2 and day == 29 and is_leap(year)) then return nil end
  if hour > 23 or minute > 59 or second > 60 then return nil end -- 60: a leap second
  return days_before(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone
end

--- Seconds since 1970 of "1782864000" or "2026-07-01T02:00:00+02:00"; fractions are dropped.
---@param text string
---@return integer?
---@return string? message
function M.parse(text)
  if text:find "^%d+$" and #text <= DIGITS_MAX then return math.tointeger(tonumber(text)) end
  local seconds = date_time(text)
  if seconds then return seconds end
  return nil, ("'%s' is not a time (seconds since 1970, or RFC 3339: 2026-07-01T00:00:00Z)")
    :format(text)
end

return M
