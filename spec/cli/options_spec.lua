local options = require "kavach.cli.options"

local function parse(...)
  local parser = options.parser("kavach test", function(p)
    p:option "--memory":convert(options.integer(1, 4096))
    p:option "--timeout":convert(options.duration)
    p:option "--cpus":convert(options.number(0, 64))
    p:option "-e --env":count "*"
    p:flag "-t --terminal"
    p:argument "command":args "*"
  end)
  return options.parse(parser, { ... })
end

local function refused(...)
  local args, message = parse(...)
  assert.is_nil(args)
  return message
end

describe("options of a command line", function()
  it("come with their values apart or behind an equals sign", function()
    local args = parse("--memory", "256", "--timeout=8s", "--env", "A=1", "--env=B=2", "-e", "C=3",
      "-t", "cmd")
    assert.equal(256, args.memory)
    assert.equal(8000, args.timeout)
    assert.same({ "A=1", "B=2", "C=3" }, args.env)
    assert.is_true(args.terminal)
    assert.same({ "cmd" }, args.command)
  end)

  it("may have the value right behind their letter", function()
    local args = parse("-eA=1", "-e", "-t", "cmd", "-eB")
    assert.same({ "A=1", "-t" }, args.env)
    assert.same({ "cmd", "-eB" }, args.command)
  end)

  it("end at the first word that is not one", function()
    local args = parse("--memory", "1", "ls", "--memory", "-l", "--", "--help")
    assert.same({ "ls", "--memory", "-l", "--", "--help" }, args.command)
    assert.equal(1, args.memory)
    assert.is_false(args.separated)
  end)

  it("may stand behind words that lead, and then end as ever", function()
    local parser = options.parser("kavach test", function(p)
      p.leading = 1
      p:argument "first"
      p:argument "command":args "*"
      p:option "--memory"
    end)
    local function read(...) return assert(options.parse(parser, { ... })) end
    for _, args in ipairs {
      read("a", "--memory", "1", "ls", "--memory"), read("--memory", "1", "a", "ls", "--memory"),
      read("a", "--memory=1", "--", "ls", "--memory"),
    } do
      assert.same({ "a", "1", { "ls", "--memory" } }, { args.first, args.memory, args.command })
    end
    assert.is_true(read("a", "--", "ls").separated)
    assert.same({ 1, 0 }, { read("a", "--", "ls").before, read("--", "a", "ls").before })
    assert.is_false(read("a", "ls", "--", "x").separated)
    assert.is_true(read("a", "--help", "ls").help)
    assert.is_nil(read("a", "ls", "--help").help)
  end)

  it("end at --, and that is told", function()
    local args = parse("-t", "--", "--memory", "x")
    assert.same({ "--memory", "x" }, args.command)
    assert.is_true(args.separated)
    assert.same({}, parse("--").command)
  end)

  it("end at a lone dash and at an empty word", function()
    assert.same({ "-", "-t" }, parse("-", "-t").command)
    assert.same({ "", "-t" }, parse("", "-t").command)
  end)

  it("take a value that looks like an option", function()
    assert.same({ "-t" }, parse("--env", "-t").env)
    assert.same({ "--" }, parse("-e", "--").env)
    assert.same({ "" }, parse("--env=").env)
    assert.same({ "a\nb=--c" }, parse("--env", "a\nb=--c").env)
  end)

  it("are json and the log's format for every command", function()
    assert.is_true(parse("--json").json)
    assert.equal("text", parse().log_format)
    assert.equal("json", parse("--log-format", "json").log_format)
  end)

  it("ask for help, whatever else is wrong before it", function()
    assert.is_true(parse("--memory", "x", "--bogus", "--help").help)
    assert.is_true(parse("-h").help)
    assert.is_nil(parse("cmd", "--help").help)
    assert.is_nil(parse("--", "--help").help)
    assert.is_nil(parse("--env", "--help").help)
  end)

  it("are refused with the nearest name", function()
    assert.equal("unknown option '--memroy' (did you mean '--memory'?)", refused("--memroy", "1"))
    assert.equal("unknown option '--memroy' (did you mean '--memory'?)", refused("--memroy=1"))
    assert.equal("unknown option '--qqqq'", refused "--qqqq")
    assert.equal("unknown option '--enw' (did you mean '--env'?)", refused "--enw")
    assert.equal("unknown option '--eww'", refused "--eww")
    assert.equal("unknown option '-q'", refused "-q")
  end)

  it("are refused without a value, or with one too many", function()
    assert.equal("option '--memory' needs a value", refused "--memory")
    assert.equal("option '--terminal' takes no value", refused "--terminal=1")
  end)

  it("say which of them has a bad value", function()
    assert.matches("^option '%-%-memory': '1.5' is not a whole number from 1 to 4096$",
      refused("--memory", "1.5"))
    assert.matches("^option '%-%-timeout': 'soon' is not a duration", refused("--timeout", "soon"))
    assert.matches("'%-%-log%-format' must be one of 'text', 'json'", refused("--log-format=xml"))
  end)
end)

describe("the help of options", function()
  local help = options.parser("kavach test", function(p)
    options.group(p, "The first", function(q)
      q:option("-m --memory", "How much."):argname "MIB"
      q:flag("-t --terminal", "With one.")
    end)
    p:option("--other", "Apart.")
  end):get_help()

  it("has all names of one in a line, with its value once", function()
    assert.matches("\n   %-m, %-%-memory MIB +How much%.\n   %-t, %-%-terminal +With one%.\n", help)
  end)

  it("has headings where a command makes groups of them", function()
    assert.matches("\nThe first:\n   %-m", help)
    assert.matches("\nOther options:\n   %-%-other <other> +Apart%.\n   %-%-json ", help)
  end)
end)

describe("a duration", function()
  it("has a unit, or is in seconds", function()
    for text, ms in pairs { ["500ms"] = 500, ["8s"] = 8000, ["2m"] = 120000, ["3"] = 3000,
      ["0.5"] = 500, ["1.5s"] = 1500, ["0"] = 0, ["0.2ms"] = 1 } do
      assert.equal(ms, options.duration(text), text)
      assert.equal("integer", math.type(options.duration(text)))
    end
  end)

  it("is nothing else", function()
    for _, text in ipairs { "", "s", "-1", "-1s", "1h", "1 s", "1e3", "0x10", "nan", "inf", "1.2.3",
      "1S", ".5", "8s\n", "99999999999999999999", ("9"):rep(400) } do
      local value, message = options.duration(text)
      assert.is_nil(value, text)
      assert.is_string(message)
    end
  end)
end)

describe("a number on the command line", function()
  it("is whole and in its range", function()
    local integer = options.integer(-5, 10)
    assert.equal(10, integer "10")
    assert.equal(-5, integer "-5")
    for _, text in ipairs { "11", "-6", "1.0", "", "0x1", "1e1", "ten", "99999999999999999999" } do
      assert.is_nil(integer(text), text)
    end
  end)

  it("may be a fraction above its bound", function()
    local number = options.number(0, 64)
    assert.equal(0.5, number "0.5")
    assert.equal(64, number "64")
    for _, text in ipairs { "0", "-1", "64.1", "", "nan", "inf", "1e1", ("9"):rep(400) } do
      assert.is_nil(number(text), text)
    end
  end)
end)
