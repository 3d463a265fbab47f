--- `kavach policy`: attestation policies.

local EXIT_USAGE <const> = 64

local function configure(parser)
  parser:description "Check, test, explain and compare attestation policies."
  parser:usage "Usage: kavach policy check|test|explain|diff [OPTION…] …"
  parser:epilog [[
   kavach policy check FILE…               mistakes, without running rules
   kavach policy test [FILE|DIR…]          runs the tests beside policies
   kavach policy explain POLICY EVIDENCE   a decision, with every requirement and rule
   kavach policy diff OLD NEW EVIDENCE…    which decisions change

Each has --help.]]
end

local function run()
  require("kavach.cli").complain("policy: one of check, test, explain and diff is needed; see "
    .. "kavach policy --help")
  return EXIT_USAGE
end

return {
  summary = "Attestation policies: check, test, explain, compare.",
  configure = configure,
  actions = { "check", "test", "explain", "diff" },
  run = run,
}
