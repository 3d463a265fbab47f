--- Locals of an entry that are to be there for the next one: `local` at the top level becomes an
--- assignment, in the same place.
---
--- What is not rewritten is local to the entry: what is to be closed at its end, and whatever
--- follows a `local _ENV`.

local M = {}

local OPENS <const> = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES <const> = { ["end"] = true, ["until"] = true }

---@class kavach.prompt.declaration
---@field from integer the first byte of `local`
---@field to integer the last byte of the last name or attribute
---@field names string[]
---@field attributes { from: integer, to: integer, text: string }[]
---@field valued boolean whether values follow
---@field is_function boolean

-- The declaration whose `local` is the token at `i` of text that is Lua.
local function read(tokens, i)
  local found = { from = tokens[i].from, names = {}, attributes = {}, valued = false }
  i = i + 1
  if tokens[i].text == "function" then
    found.is_function, found.names[1], found.to = true, tokens[i + 1].text, tokens[i + 1].to
    return found
  end
  while true do
    found.names[#found.names + 1], found.to = tokens[i].text, tokens[i].to
    local next_text = tokens[i + 1] and tokens[i + 1].text
    if next_text == "<" then
      found.to = tokens[i + 3].to
      table.insert(found.attributes,
        { from = tokens[i + 1].from, to = found.to, text = tokens[i + 2].text })
      i = i + 3
      next_text = tokens[i + 1] and tokens[i + 1].text
    end
    if next_text ~= "," then
      found.valued = next_text == "="
      return found
    end
    i = i + 2
  end
end

-- Those at the top level, in order.
local function declarations(tokens)
  local list, depth = {}, 0
  for i, token in ipairs(tokens) do
    if token.kind == "keyword" then
      if token.text == "local" and depth == 0 then list[#list + 1] = read(tokens, i) end
      if OPENS[token.text] then depth = depth + 1 end
      if CLOSES[token.text] then depth = depth - 1 end
    end
  end
  return list
end

local function is_closed(declaration)
  for _, attribute in ipairs(declaration.attributes) do
    if attribute.text == "close" then return true end
  end
  return false
end

-- "a", "a and b", "a, b and c"
local function listed(names)
  local head = table.concat(names, ", ", 1, #names - 1)
  return (head ~= "" and head .. " and " or "") .. names[#names]
end

local function note(declaration)
  local one = #declaration.names == 1
  return ("%s %s closed at the end of this entry, and not kept"):format(listed(declaration.names),
    one and "is" or "are")
end

-- Whether it must stay what it is: `stay` has the names that are local to the entry already.
local function stays(declaration, stay)
  local yes = is_closed(declaration)
  for _, name in ipairs(declaration.names) do yes = yes or stay[name] end
  return yes
end

-- What a run of the text becomes that is no code any more: lines stay lines.
local function blank(text) return (text:gsub("[^\n]", " ")) end

local function rewrite(text, list)
  local out, at = {}, 1
  local function keep(to)
    out[#out + 1] = text:sub(at, to)
    at = to + 1
  end
  local function drop(from, to)
    keep(from - 1)
    out[#out + 1] = blank(text:sub(from, to))
    at = to + 1
  end
  for _, declaration in ipairs(list) do
    drop(declaration.from, declaration.from + #"local" - 1)
    for _, attribute in ipairs(declaration.attributes) do drop(attribute.from, attribute.to) end
    if not declaration.valued and not declaration.is_function then
      keep(declaration.to)
      out[#out + 1] = " = nil"
    end
  end
  keep(#text)
  return table.concat(out)
end

-- The declarations that are kept, their names, and what the person should know.
local function chosen(list)
  local kept, names, notes, seen, stay = {}, {}, {}, {}, {}
  for _, declaration in ipairs(list) do
    if stay._ENV or stays(declaration, stay) or declaration.names[1] == "_ENV" then
      if is_closed(declaration) then notes[#notes + 1] = note(declaration) end
      for _, name in ipairs(declaration.names) do stay[name] = true end
    else
      kept[#kept + 1] = declaration
      for _, name in ipairs(declaration.names) do
        if not seen[name] then names[#names + 1] = name end
        seen[name] = true
      end
    end
  end
  return kept, names, notes
end

--- Text whose locals are kept: names of the environment.
---@param text string that Lua compiles
---@param tokens kavach.prompt.token[] its, without comments
---@param chunk_name string
---@return string chunk
---@return string[] names to be declared before it runs
---@return string[] notes for the person
function M.kept(text, tokens, chunk_name)
  local kept, names, notes = chosen(declarations(tokens))
  local chunk = rewrite(text, kept)
  if #kept == 0 or load(chunk, chunk_name, "t", {}) then return chunk, names, notes end
  return text, {}, { "its locals end with this entry: they cannot be kept" }
end

return M
