"""
Zuora over HTTP. Calls nothing of Pulumi, of state or of the contract.

The only room that sends anything; its errors are the package's. Public: `BackfillClient`
(`client`), `Job` and `Scope` (`models`), `base_url_of` (`base_url`). Imported from the files: a
program that declares resources must not load an HTTP library.
"""
