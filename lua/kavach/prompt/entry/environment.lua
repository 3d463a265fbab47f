--- What the names of a prompt's entries mean: locals that are kept from entry to entry, what is the
--- session's own, and the globals of the program.

---@class kavach.prompt.control
---@field declare fun(names: string[]) has names be kept, from when they are assigned
---@field peek fun(name: string): any what a name stands for, as far as that runs no code
---@field names fun(): string[] all names, in no order, some perhaps twice

--- Makes an environment for the chunks of a session. Values of kept names are in it; the rest is
--- looked up where it is. Assigning a name that is only the session's own makes it a global, which
--- is seen from then on.
---@param globals table
---@param extra table the session's own names; may change
---@return table env
---@return kavach.prompt.control control
return function(globals, extra)
  local env, declared = {}, {}
  local hides = {} -- names that were assigned: what else has that name is not seen, even if nil

  setmetatable(env, {
    __index = function(_, name)
      if hides[name] then return nil end
      local own = rawget(extra, name)
      if own ~= nil then return own end
      return globals[name]
    end,
    __newindex = function(_, name, value)
      if declared[name] then
        hides[name] = true
        rawset(env, name, value)
      else
        rawset(extra, name, nil)
        globals[name] = value
      end
    end,
  })

  -- Where else a name is looked up, without running anything.
  local function places()
    local meta = debug.getmetatable(globals)
    local behind = type(meta) == "table" and rawget(meta, "__index")
    return { extra, globals, type(behind) == "table" and behind or nil }
  end

  local control = {}

  function control.declare(names)
    for _, name in ipairs(names) do declared[name] = true end
  end

  function control.peek(name)
    local value = rawget(env, name)
    if value ~= nil or hides[name] then return value end
    for _, place in ipairs(places()) do
      value = rawget(place, name)
      if value ~= nil then return value end
    end
  end

  function control.names()
    local list = {}
    for _, each in ipairs { env, table.unpack(places()) } do
      for name in next, each do list[#list + 1] = name end
    end
    return list
  end

  return env, control
end
