--- Errors at the prompt: what was raised, and where, as far as that is the person's own code.
---
---   local ran, captured = xpcall(chunk, trace.capture)
---   if not ran then write(trace.short(captured, options)) end

local frames = require "kavach.prompt.trace.frames"
local new_paint = require "kavach.prompt.paint"
local plain = require "kavach.plain"
local scalars = require "kavach.prompt.show.scalars"
local show = require "kavach.prompt.show"
local summary = require "kavach.prompt.summary"

local M = {}

local FRAMES_SHOWN <const>, MESSAGE_LINES <const>, MESSAGE_BYTES <const> = 3, 20, 8192
local TRACEBACK <const> = "\nstack traceback:"

---@class kavach.prompt.Captured
---@field error any what was raised
---@field frames kavach.prompt.Frame[] innermost first
---@field origin string? the traceback of the task that it came from, if that was another

-- Where an error came from that has crossed tasks: the scheduler knows, or the text has it. It
-- knows of the last one that has such a text, which this is only if the scheduler has raised it.
local function origin_of(e, list)
  local scheduler = frames.is_raised_in(list, "task/scheduler.lua")
    and rawget(package.loaded, "kavach.task.scheduler")
  local origin = scheduler and scheduler.traceback_of(e)
  if origin or type(e) ~= "string" then return origin end
  local at = e:find(TRACEBACK, 1, true)
  return at and e:sub(at + 1) or nil
end

--- A message handler: keeps what was raised, and where. It calls nothing of the error.
---@param e any
---@param level integer? of the stack: 1, the default, is who called this function
---@return kavach.prompt.Captured
function M.capture(e, level)
  level = level or 1
  -- A handler that ends with a call of this function is on the stack no more.
  if debug.getinfo(1, "t").istailcall then level = level - 1 end
  local list = frames.capture(level + 1)
  return { error = e, frames = list, origin = origin_of(e, list) }
end

--- An error that nobody was there to catch: all that there is of it is its task's traceback.
---@param e any
---@param traceback? string
---@return kavach.prompt.Captured
function M.of(e, traceback) return { error = e, frames = {}, origin = traceback } end

-- ---- what was raised ---------------------------------------------------------------------------

local function text_lines(message)
  local at = message:find(TRACEBACK, 1, true)
  message = scalars.head(at and message:sub(1, at - 1) or message, MESSAGE_BYTES)
  local lines = {}
  for line in message:gmatch "([^\n]*)\n?" do
    if #lines == MESSAGE_LINES then
      lines[#lines + 1] = "…"
      break
    end
    lines[#lines + 1] = plain.text((line:gsub("\t", "  ")))
  end
  return lines
end

local function add_message(out, e, options)
  local paint = new_paint(options.colour)
  local line, style = summary.failure(e)
  if line then
    out[#out + 1] = paint(line, style)
  elseif type(e) == "string" then
    for _, each in ipairs(text_lines(e)) do out[#out + 1] = paint(each, "bad") end
  else
    local shown = show.value(e, options)
    out[#out + 1] = ("%s%s%s"):format(paint("an error that is no text:", "bad"),
      shown:find("\n", 1, true) and "\n" or " ", shown)
  end
end

-- ---- where -------------------------------------------------------------------------------------

-- Whether the message begins with the frame's place, as error() and Lua itself have it.
local function is_said(frame, e)
  return type(e) == "string" and e:sub(1, #frame.place + 1) == frame.place .. ":"
end

-- The frames of the person's code, those of the task that it came from first.
local function own_frames(captured)
  local list, seen = {}, {}
  for _, from in ipairs { frames.parse(captured.origin), captured.frames } do
    for _, frame in ipairs(from) do
      if frame.is_own and not seen[frame.place] then
        seen[frame.place] = true
        list[#list + 1] = frame
      end
    end
  end
  if list[1] and is_said(list[1], captured.error) then table.remove(list, 1) end
  return list
end

local function frame_text(frame)
  if frame.missing then return ("  … %d more"):format(frame.missing) end
  local what = frame.what and " in " .. frame.what or ""
  return ("  at %s%s"):format(plain.text(frame.place), plain.text(what))
end

--- What was raised, in one line.
---@param captured kavach.prompt.Captured
---@return string visible characters
function M.line(captured)
  local out = {}
  add_message(out, captured.error, {})
  return #out == 1 and not out[1]:find "\n" and out[1] or out[1]:match "^[^\n]*" .. " …"
end

--- An error in short: its message, and the first places in the person's code that led to it. What
--- is kavach's own, and what is C, is left out.
---@param captured kavach.prompt.Captured
---@param options kavach.prompt.ShowOptions?
---@return string lines
function M.short(captured, options)
  options = options or {}
  local out, paint = {}, new_paint(options.colour)
  add_message(out, captured.error, options)
  local list = own_frames(captured)
  for i = 1, math.min(#list, FRAMES_SHOWN) do out[#out + 1] = paint(frame_text(list[i]), "dim") end
  if #list > FRAMES_SHOWN then
    out[#out + 1] = paint(("  … %d more: .trace"):format(#list - FRAMES_SHOWN), "dim")
  end
  return table.concat(out, "\n") .. "\n"
end

--- All that is known of where an error came from.
---@param captured kavach.prompt.Captured
---@param options kavach.prompt.ShowOptions?
---@return string lines
function M.whole(captured, options)
  options = options or {}
  local out = {}
  add_message(out, captured.error, options)
  if captured.origin then
    out[#out + 1] = "in the task that it came from:"
    for _, frame in ipairs(frames.parse(captured.origin)) do out[#out + 1] = frame_text(frame) end
    out[#out + 1] = "in the task that it has reached:"
  end
  for _, frame in ipairs(captured.frames) do out[#out + 1] = frame_text(frame) end
  return table.concat(out, "\n") .. "\n"
end

return M
