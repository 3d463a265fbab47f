--- A module that is loaded when something of it is first asked for.

---@param name string as require takes it
---@return table
return function(name)
  return setmetatable({}, { __index = function(_, key) return require(name)[key] end })
end
