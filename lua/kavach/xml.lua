--- Text from elsewhere, made fit for XML and HTML, in an element and in an attribute: what
--- kavach.plain makes visible, and what has a meaning there.

local plain = require "kavach.plain"

local M = {}

local ENTITIES <const> = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

-- U+FFFE and U+FFFF, which UTF-8 can write and XML (1.0, 2.2 Char) and HTML have not.
local function name_noncharacter(bytes)
  return ("\\u{%x}"):format(utf8.codepoint(bytes))
end

--- The text in one line.
---@param text string any bytes
---@return string
function M.escape(text)
  if not text:find "[^%w %._/:,-]" then return text end
  return (plain.text(text):gsub("\xef\xbf[\xbe\xbf]", name_noncharacter)
    :gsub("[&<>\"']", ENTITIES))
end

--- The text with its lines as they are; a tab becomes blanks.
---@param text string any bytes
---@return string
function M.lines(text)
  return (text:gsub("\t", "    "):gsub("[^\n]+", M.escape))
end

return M
