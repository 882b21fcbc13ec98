def no_store(get_response):
    return get_response
def request_transaction(get_response):
    return get_response
