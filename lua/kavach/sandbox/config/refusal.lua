-- How an option is refused: an error that names it.

local err = require "kavach.err"

---@param name string of the option
---@param why string goes on from the name
---@return nil
---@return kavach.Error
return function(name, why)
  return err.fail("invalid_argument", ("sandbox: %s %s"):format(name, why),
    { op = "sandbox", option = name })
end
