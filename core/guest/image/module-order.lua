-- module-order.lua ROOT SET=MODULE,MODULE… SET=…: the guest's modules in load order.
--
-- ROOT is a kernel package's kernel/ folder. Prints, for each set, the line
-- "set NAME" and then the path (relative to ROOT) of each of its modules, a
-- module behind all that it needs. What an earlier set has brought in is not
-- repeated, so a set may lean on "base", which is always loaded first; sets
-- beside each other must not lean on each other, hence the modules that they
-- share are repeated in each (loading one twice answers EEXIST: no harm).
--
-- The dependencies come out of the modules themselves (the depends= entry of
-- .modinfo): an unpacked package has no modules.dep, and depmod would be one
-- more tool to need.

local function die(...)
  io.stderr:write("module-order: ", string.format(...), "\n")
  os.exit(1)
end

local root = arg[1]
if not root or not arg[2] then
  die("usage: lua5.4 module-order.lua ROOT SET=MODULE,MODULE... ...")
end

-- A module's name is its file's name, with - and _ the same letter.
local function canonical(name)
  return (name:gsub("-", "_"))
end

local path_of = {}
local quoted = "'" .. root:gsub("'", [['\'']]) .. "'"
local find = assert(io.popen("find " .. quoted .. " -type f -name '*.ko' | LC_ALL=C sort"))
for path in find:lines() do
  path_of[canonical(path:match "([^/]+)%.ko$")] = path
end
if not find:close() then die("%s: cannot be listed", root) end

local function needs(path)
  local file, why = io.open(path, "rb")
  if not file then die("%s", why) end
  local bytes = file:read "a"
  file:close()
  local list = bytes:match "%zdepends=([^%z]*)%z"
  if not list then die("%s: no depends= entry: not a kernel module?", path) end
  local names = {}
  for name in list:gmatch "[^,]+" do names[#names + 1] = canonical(name) end
  table.sort(names)
  return names
end

-- Appends module and all it needs to list, those needed first.
local function visit(name, seen, list, wanted_by)
  if seen[name] then return end
  seen[name] = true
  local path = path_of[name]
  if not path then
    die("%s: the kernel package has no such module (needed by %s)", name, wanted_by)
  end
  for _, other in ipairs(needs(path)) do visit(other, seen, list, name) end
  list[#list + 1] = path:sub(#root + 2)
end

local base = {}
for i = 2, #arg do
  local set, names = arg[i]:match "^([%w_]+)=(.+)$"
  if not set then die("%s: expected SET=MODULE,MODULE...", arg[i]) end
  local seen = set == "base" and base or setmetatable({}, { __index = base })
  local list = {}
  for name in names:gmatch "[^,]+" do visit(canonical(name), seen, list, "set " .. set) end
  print("set " .. set)
  for _, path in ipairs(list) do print(path) end
end
