--- Which files of a guest a job wants: names with `*`, `?` and `[…]`, as a shell has them.
---
--- The guest is asked for more than that, and what it names is matched here: it may lie, and its
--- shell may have ideas of its own of what a character is.

local M = {}

local MOST <const> = 4095 -- bytes, as of any path in the guest
local PARTS_MOST <const> = 200

---@class kavach.batch.pattern
---@field text string as it was given
---@field absolute boolean
---@field magic boolean whether it may name more than one file
---@field parts kavach.batch.pattern.token[][] of each name between slashes

---@alias kavach.batch.pattern.token
---| integer a character
---| "*"
---| "?"
---| { negated: boolean, ranges: integer[][] }

-- ---- characters --------------------------------------------------------------------------------

local NO_CHARACTER <const> = 0x80000000 -- plus the byte, for what is no UTF-8

-- The characters of a text; bytes that belong to none stand for themselves.
local function characters(text)
  local list, at = {}, 1
  while at <= #text do
    local length = utf8.len(text, at, at)
    if length then
      list[#list + 1] = utf8.codepoint(text, at)
      at = utf8.offset(text, 2, at)
    else
      list[#list + 1] = NO_CHARACTER + text:byte(at)
      at = at + 1
    end
  end
  return list
end

local function text_of(character)
  if character >= NO_CHARACTER then return string.char(character - NO_CHARACTER) end
  return utf8.char(character)
end

local STAR <const>, ONE <const>, OPEN <const>, CLOSE <const> = 42, 63, 91, 93 -- * ? [ ]
local NOT <const>, CARET <const>, DASH <const>, DOT <const> = 33, 94, 45, 46 -- ! ^ - .

-- ---- reading -----------------------------------------------------------------------------------

-- The set that begins at `at`, and where it ends; nothing if the bracket is not closed.
local function read_set(list, at)
  local first = at + 1
  local negated = list[first] == NOT or list[first] == CARET
  if negated then first = first + 1 end
  local last = first + 1 -- a bracket that comes first is one of the set
  while list[last] and list[last] ~= CLOSE do last = last + 1 end
  if not list[last] then return nil end
  local ranges, i = {}, first
  while i < last do
    if list[i + 1] == DASH and i + 2 < last then
      ranges[#ranges + 1] = { list[i], list[i + 2] }
      i = i + 3
    else
      ranges[#ranges + 1] = { list[i], list[i] }
      i = i + 1
    end
  end
  return { negated = negated, ranges = ranges }, last
end

local function read_part(part)
  local tokens, list, i, magic = {}, characters(part), 1, false
  while list[i] do
    local token, last = list[i], nil
    if token == STAR then
      token = "*"
    elseif token == ONE then
      token = "?"
    elseif token == OPEN then
      token, last = read_set(list, i)
      token = token or OPEN
    end
    magic = magic or type(token) ~= "number"
    tokens[#tokens + 1] = token
    i = (last or i) + 1
  end
  return tokens, magic
end

---@param text string
---@return kavach.batch.pattern?
---@return string? message what it must be
function M.read(text)
  if text:find("\0", 1, true) then return nil, "must have no NUL in it" end
  if #text > MOST then return nil, ("must have at most %d bytes"):format(MOST) end
  local self = { text = text, absolute = text:sub(1, 1) == "/", magic = false, parts = {} }
  for part in text:gmatch "[^/]+" do
    if part == ".." then return nil, "must not lead out of its folder by '..'" end
    if part ~= "." then
      local tokens, magic = read_part(part)
      self.parts[#self.parts + 1], self.magic = tokens, self.magic or magic
    end
  end
  if #self.parts == 0 then return nil, "must name something in a folder" end
  if #self.parts > PARTS_MOST then return nil, "has too many folders" end
  return self
end

-- ---- for the guest -----------------------------------------------------------------------------

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function word_of_part(tokens)
  local word, literal = {}, {}
  local function flush()
    if #literal > 0 then word[#word + 1] = quoted(table.concat(literal)) end
    literal = {}
  end
  for _, token in ipairs(tokens) do
    if type(token) == "number" then
      literal[#literal + 1] = text_of(token)
    else
      flush()
      if word[#word] ~= "*" then word[#word + 1] = "*" end
    end
  end
  flush()
  return table.concat(word)
end

---A word for a shell, which makes of it all that the pattern matches, and perhaps more.
---@param self kavach.batch.pattern
---@return string
function M.word(self)
  local parts = {}
  for i, tokens in ipairs(self.parts) do parts[i] = word_of_part(tokens) end
  return (self.absolute and "/" or "") .. table.concat(parts, "/")
end

---The path that a pattern without magic is.
---@param self kavach.batch.pattern
---@return string
function M.path(self)
  local parts = {}
  for i, tokens in ipairs(self.parts) do
    local part = {}
    for j, token in ipairs(tokens) do part[j] = text_of(token) end
    parts[i] = table.concat(part)
  end
  return (self.absolute and "/" or "") .. table.concat(parts, "/")
end

-- ---- matching ----------------------------------------------------------------------------------

local function in_set(set, character)
  for _, range in ipairs(set.ranges) do
    if character >= range[1] and character <= range[2] then return not set.negated end
  end
  return set.negated
end

local function takes(token, character)
  if token == "?" then return true end
  if type(token) == "table" then return in_set(token, character) end
  return token == character
end

-- One name against one part. Of stars only the last needs another try: the time is at most the
-- product of both lengths.
local function part_matches(tokens, name)
  local list = characters(name)
  -- As in a shell: a name that begins with a dot must be asked for by it.
  if list[1] == DOT and tokens[1] ~= DOT then return false end
  local t, i, star, from = 1, 1, nil, nil
  while i <= #list do
    local token = tokens[t]
    if token == "*" then
      star, from = t, i
      t = t + 1
    elseif token and takes(token, list[i]) then
      t, i = t + 1, i + 1
    elseif star then
      from = from + 1
      t, i = star + 1, from
    else
      return false
    end
  end
  while tokens[t] == "*" do t = t + 1 end
  return tokens[t] == nil
end

---Whether a path that the guest named is one that was asked for. It leads nowhere else then.
---@param self kavach.batch.pattern
---@param path string
---@return boolean
function M.matches(self, path)
  if #path > MOST or (path:sub(1, 1) == "/") ~= self.absolute then return false end
  local rest, count = self.absolute and path:sub(2) or path, 0
  for name in (rest .. "/"):gmatch "([^/]*)/" do
    count = count + 1
    local tokens = self.parts[count]
    if not tokens or name == "" or name == "." or name == ".." then return false end
    if not part_matches(tokens, name) then return false end
  end
  return count == #self.parts
end

return M
