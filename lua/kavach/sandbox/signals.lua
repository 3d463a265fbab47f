-- Signals of the guest's Linux by name: the numbers of x86-64 (the kernel's
-- arch/x86/include/uapi/asm/signal.h).

local check = require "kavach.check"

local signals = {}

local MOST <const> = 64

local NUMBERS <const> = {
  HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10,
  SEGV = 11, USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17, CONT = 18,
  STOP = 19, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25, VTALRM = 26,
  PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
}

signals.KILL = NUMBERS.KILL
signals.TERM = NUMBERS.TERM

local function named(name)
  local short = name:upper():gsub("^SIG", "")
  if NUMBERS[short] then return NUMBERS[short] end
  local names = {}
  for known in next, NUMBERS do names[#names + 1] = known end
  local nearest = check.nearest(short, names)
  return nil, ("no signal is called '%s'%s"):format(name:sub(1, 40),
    nearest and (" (did you mean '%s'?)"):format(nearest) or "")
end

---The number of a signal. What is none raises.
---@param given integer|string 15, "TERM" or "SIGTERM", in any case
---@param what string who asks: "signal"
---@param level integer misuse raises so many steps up
---@return integer
function signals.number(given, what, level)
  local number, why
  if type(given) == "string" then
    number, why = named(given)
  else
    number = math.type(given) and math.tointeger(given)
    if not number or number < 1 or number > MOST then
      number, why = nil, ("a signal is a name or a number from 1 to %d, got %s"):format(MOST,
        tostring(given))
    end
  end
  if not number then error(("%s: %s"):format(what, why), level + 1) end
  return number
end

return signals
