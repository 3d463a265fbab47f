--- `kavach env`: what another Lua needs to find kavach, for eval in a shell.

local err = require "kavach.err"

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- This file's directory is LUA/kavach/cli.
local function lua_dir()
  local source = debug.getinfo(1, "S").source
  local dir = source:match "^@(.*)/kavach/cli/[^/]*$"
  if not dir then return nil end
  if dir:sub(1, 1) ~= "/" then dir = require "lfs".currentdir() .. "/" .. dir end
  return (dir:gsub("/%./", "/"))
end

--- A path or cpath; ";;" stands for the defaults of whichever Lua reads it.
local function search_path(dir, ...)
  local entries = {}
  for i, pattern in ipairs { ... } do entries[i] = dir .. pattern end
  return table.concat(entries, ";") .. ";;"
end

local function run(args)
  local lua = lua_dir()
  if not lua then return err.fail("io", "cannot tell where kavach's Lua files are") end
  local lib = require "kavach.core".helper_dir():match "^(.*)/[^/]*$"
  for _, dir in ipairs { lua, lib } do
    if dir:find "[;?]" then -- Lua's search paths have no way to write these
      return err.fail("invalid_argument", ("no Lua can search in %q"):format(dir))
    end
  end
  local path, cpath = search_path(lua, "/?.lua", "/?/init.lua"), search_path(lib, "/?.so")
  if args.json then
    local json = require "kavach.json"
    io.stdout:write(json.encode { version = 1, LUA_PATH = path, LUA_CPATH = cpath }, "\n")
  else
    io.stdout:write("export LUA_PATH=", quoted(path), "; export LUA_CPATH=", quoted(cpath), "\n")
  end
  return 0
end

local function configure(parser)
  parser:description "Print LUA_PATH and LUA_CPATH, so that another Lua 5.4 can require \"kavach\"."
  parser:epilog [[
Example:
   eval "$(kavach env)"
   lua5.4 -e 'local kavach = require "kavach"; print(kavach.version)']]
end

return {
  summary = "Print LUA_PATH and LUA_CPATH for this build or installation.",
  configure = configure,
  run = run,
}
