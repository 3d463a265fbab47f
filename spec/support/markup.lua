--- Reads XML, or HTML as our reports write it (every element but the void ones is closed), and is
--- strict: for specs that want to know whether a document is well formed, and what is in it.

local M = {}

local VOID <const> = { meta = true, br = true, link = true, img = true, input = true }
local ENTITIES <const> = { amp = "&", lt = "<", gt = ">", quot = '"', ["#39"] = "'" }

local function decoded(text, where)
  assert(not text:find "[<>]", "a bare bracket in " .. where)
  return (text:gsub("&(#?%w*)(;?)", function(name, closed)
    return assert(closed == ";" and ENTITIES[name], "'&" .. name .. "' in " .. where)
  end))
end

local function attributes_of(text, tag)
  local out, at = {}, 1
  while text:find("%S", at) do
    local name, value, after = text:match('^%s+([%w:-]+)="([^"]*)"()', at)
    assert(name, ("<%s>: attributes %q"):format(tag, text:sub(at)))
    assert(out[name] == nil, ("<%s>: %s twice"):format(tag, name))
    out[name], at = decoded(value, "an attribute of " .. tag), after
  end
  return out
end

-- Characters that XML (1.0, 2.2) has not.
local function check_characters(text)
  assert(utf8.len(text), "it is no UTF-8")
  assert(not text:find "[%z\1-\8\11\12\14-\31]", "it has a control character")
  assert(not text:find "\xef\xbf[\xbe\xbf]", "it has a noncharacter")
end

--- The root: { tag, attributes, children = { text or element … } }. Raises where it is not well
--- formed. Of HTML, `raw` elements (style) hold text that is not decoded.
---@param text string
---@param html boolean?
---@return table
function M.parse(text, html)
  check_characters(text)
  text = text:gsub("^<%?xml [^?]*%?>%s*", ""):gsub("^<!DOCTYPE html>%s*", "")
  local root = { tag = "", attributes = {}, children = {} }
  local stack, at = { root }, 1
  while at <= #text do
    local top = stack[#stack]
    local open = text:find("<", at, true) or #text + 1
    if open > at then
      local piece = text:sub(at, open - 1)
      top.children[#top.children + 1] = html and top.tag == "style" and piece
        or decoded(piece, "<" .. top.tag .. ">")
    end
    if open > #text then break end
    local slash, tag, rest, close, after = text:match("^<(/?)([%a][%w:-]*)([^<>]-)(/?)>()", open)
    assert(tag, "no tag: " .. text:sub(open, open + 60))
    if slash == "/" then
      assert(tag == top.tag, ("</%s> in <%s>"):format(tag, top.tag))
      stack[#stack] = nil
    else
      local element = { tag = tag, attributes = attributes_of(rest, tag), children = {} }
      top.children[#top.children + 1] = element
      if close ~= "/" and not (html and VOID[tag]) then stack[#stack + 1] = element end
    end
    at = after
  end
  assert(#stack == 1, ("<%s> is not closed"):format(stack[#stack].tag))
  return root
end

--- All elements below that have the tag, and the attribute if there is one.
---@return table[]
function M.all(element, tag, name, value)
  local found = {}
  local function walk(each)
    for _, child in ipairs(each.children) do
      if type(child) == "table" then
        if child.tag == tag and (not name or child.attributes[name] == value) then
          found[#found + 1] = child
        end
        walk(child)
      end
    end
  end
  walk(element)
  return found
end

--- The text of an element and of all in it.
---@return string
function M.text(element)
  if type(element) == "string" then return element end
  local parts = {}
  for i, child in ipairs(element.children) do parts[i] = M.text(child) end
  return table.concat(parts)
end

return M
