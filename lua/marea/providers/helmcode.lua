-- SPDX-License-Identifier: MIT
-- Helmcode's enterprise service: NaN's page says that its endpoints are NaN's
-- but for the host.

return {
  name = "helmcode",
  extends = "nan",
  base_url = "https://api.helmcode.com/v1",
  api_key_env = "HELMCODE_API_KEY",
}
