--- What the terminal can show: colours, and characters beyond ASCII.

local M = {}

---@class kavach.batch.Style
---@field block boolean whether the cursor can be moved
---@field colour boolean
---@field unicode boolean
local Style = {}
Style.__index = Style

local CODES <const> = { bold = "1", dim = "2", red = "31", green = "32", yellow = "33" }

local SIGNS <const> = {
  done = "✓", failed = "✗", retry = "↻", skipped = "-", trouble = "!", full = "█", empty = "░",
  more = "…", times = "×",
}
local ASCII <const> = {
  done = "ok", failed = "x", retry = "~", skipped = "-", trouble = "!", full = "#", empty = ".",
  more = "~", times = "x",
}

local function is_utf8(getenv)
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = getenv(name)
    if value and value ~= "" then
      return value:lower():find "utf%-?8" ~= nil
    end
  end
  return false
end

--- The style of a terminal, by what the environment says of it.
---@param getenv? fun(name: string): string?
---@return kavach.batch.Style
function M.read(getenv)
  getenv = getenv or os.getenv
  local term, no_colour = getenv "TERM", getenv "NO_COLOR"
  local block = term ~= nil and term ~= "" and term ~= "dumb"
  return M.new(block, block and (no_colour == nil or no_colour == ""), is_utf8(getenv))
end

--- One that is known.
---@param block boolean
---@param colour boolean
---@param unicode boolean
---@return kavach.batch.Style
function M.new(block, colour, unicode)
  return setmetatable({ block = block, colour = colour, unicode = unicode,
    signs = unicode and SIGNS or ASCII }, Style)
end

--- The text in a colour, if there are colours.
---@param text string
---@param name? "bold"|"dim"|"red"|"green"|"yellow"
---@return string
function Style:paint(text, name)
  if not name or not self.colour or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(CODES[name], text)
end

--- Text of somebody else in visible characters that this terminal has.
---@param text string
---@return string
function Style:plain(text)
  text = require("kavach.plain").text(text)
  if self.unicode or not text:find "[\x80-\xff]" then return text end
  return (text:gsub(utf8.charpattern, function(c)
    return #c > 1 and ("\\u{%x}"):format(utf8.codepoint(c)) or nil
  end))
end

-- ---- what jobs print ---------------------------------------------------------------------------

-- Colours and the like, titles, and two-character ones (ECMA-48: CSI, OSC, ESC): they are meant for
-- a terminal, and left out, not shown as escapes. Whatever else is a control character is.
local function without_sequences(text)
  if not text:find("\27", 1, true) then return text end
  return (text:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*\7", "")
    :gsub("\27%][^\7\27]*\27\\", ""):gsub("\27[ -/]*[0-Z\\^-~]", ""))
end

--- One line as a job has left it: what was written over with carriage returns is gone.
---@param line string
---@return string
function Style:line(line)
  line = without_sequences(line):gsub("\r+$", ""):gsub("^.*\r", "")
  return self:plain((line:gsub("\t", " ")))
end

--- Whole lines of a job's output, as `line` has each, but with their tabs.
---@param lines string
---@return string
function Style:lines(lines)
  if not lines:find "[^\n\t\32-\126]" then return lines end
  lines = without_sequences(lines):gsub("\r+\n", "\n"):gsub("[^\n]*\r([^\n])", "%1")
  return (lines:gsub("[^\n\t]+", function(part) return self:plain(part) end))
end

return M
